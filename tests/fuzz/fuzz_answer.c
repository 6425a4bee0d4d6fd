/* What an API answers, by the first byte: a list of events, objects, one object, an error's text,
 * or headers. */
#include "catchup/answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void read_events(const char *text, size_t len)
{
	struct answer_list list;

	if (answer_read_events(text, len, &list) != ANSWER_OK && list.rows != NULL)
		abort();
	for (size_t i = 0; i < list.count; i++) {
		const struct answer_event *row = &list.rows[i];

		if (!row->unreadable && (row->id[0] == '\0' || row->type[0] == '\0'))
			abort();
		if (row->entity != NULL && strchr(row->entity, '{') == NULL)
			abort();
	}
	answer_list_free(&list);
}

static void read_json(const char *text, size_t len, bool one)
{
	json_t *json = NULL;

	if ((one ? answer_read_object : answer_read_objects)(text, len, &json) == ANSWER_OK &&
		(one ? !json_is_object(json) : !json_is_array(json)))
		abort();
	json_decref(json);
}

static void read_error(const char *text, size_t len)
{
	struct buf out = {0};

	answer_error_text(text, len, &out);
	for (size_t i = 0; i < out.len; i++)
		if ((unsigned char)out.data[i] < ' ')
			abort();
	buf_free(&out);
}

static void read_headers(const char *text, size_t len)
{
	const int64_t now = 1796040000000, max = 3600000;
	char *value = strndup(text, len);
	int64_t wait = value != NULL ? answer_retry_after(value, now, max) : 0;

	if (wait < 0 || wait > max || (value != NULL && answer_date(value) < 0))
		abort();
	free(value);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	switch (data[0] % 5) {
	case 0:
		read_events(text, size - 1);
		break;
	case 1:
	case 2:
		read_json(text, size - 1, data[0] % 5 == 1);
		break;
	case 3:
		read_error(text, size - 1);
		break;
	default:
		read_headers(text, size - 1);
	}
	return 0;
}
