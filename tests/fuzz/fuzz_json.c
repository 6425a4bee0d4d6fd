/* JSON as hookd reads it, against jansson's parser: what that takes means the same here, and what
 * is taken here is refused there for known reasons only. What is written is read back as it was. */
#include "base/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool is_same(const json_t *ours, const json_t *theirs);

static bool is_same_number(const json_t *ours, const json_t *theirs)
{
	char room[JSON_NUMBER];

	if (json_is_integer(theirs) && strcmp(json_number_text(ours, room), "-0") == 0)
		return json_integer_value(theirs) == 0;
	return json_typeof(ours) == json_typeof(theirs) && json_equal(ours, theirs);
}

static bool is_same_object(const json_t *ours, json_t *theirs)
{
	const char *name;
	json_t *value;

	if (json_object_size(ours) != json_object_size(theirs))
		return false;
	json_object_foreach(
		theirs, name, value) if (!is_same(json_object_get(ours, name), value)) return false;
	return true;
}

static bool is_same_array(const json_t *ours, const json_t *theirs)
{
	if (json_array_size(ours) != json_array_size(theirs))
		return false;
	for (size_t i = 0; i < json_array_size(ours); i++)
		if (!is_same(json_array_get(ours, i), json_array_get(theirs, i)))
			return false;
	return true;
}

static bool is_same(const json_t *ours, const json_t *theirs)
{
	if (json_is_object(ours) && json_is_object(theirs))
		return is_same_object(ours, (json_t *)(size_t)theirs);
	if (json_is_array(ours) && json_is_array(theirs))
		return is_same_array(ours, theirs);
	if (json_is_number(ours) && json_is_number(theirs))
		return is_same_number(ours, theirs);
	return json_equal(ours, theirs) == 1;
}

/* jansson refuses numbers that it cannot hold, half a pair, a NUL in a name, and a mark. */
static bool may_be_refused(const char *text, size_t len, const json_error_t *error)
{
	const enum json_error_code code = json_error_code(error);

	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
	       code == json_error_stack_overflow ||
	       (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) ||
	       memmem(text, len, "\\ud", 3) != NULL || memmem(text, len, "\\uD", 3) != NULL;
}

static void write_and_read(const json_t *json, size_t flags)
{
	char *text = json_text(json, flags), *again;
	json_t *back;

	if (text == NULL || !json_read(text, strlen(text), NULL, &back, NULL) || back == NULL)
		abort();
	again = json_text(back, flags);
	if (again == NULL || strcmp(text, again) != 0 || !is_same(json, back))
		abort();
	json_decref(back);
	free(text);
	free(again);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_wrong wrong = {0};
	json_error_t error = {0};
	json_t *ours, *theirs;

	if (!json_read(text, size, NULL, &ours, &wrong))
		abort();
	if (ours == NULL && memchr(text, '\0', size) != NULL)
		return 0; /* jansson passes over a NUL behind a number or a word */
	theirs = json_loadb(text, size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	if ((ours == NULL) != (wrong.what != NULL) || (ours == NULL && theirs != NULL))
		abort();
	if (ours != NULL && theirs == NULL && !may_be_refused(text, size, &error))
		abort();
	if (theirs != NULL && !is_same(ours, theirs))
		abort();
	if (ours != NULL) {
		write_and_read(ours, JSON_COMPACT);
		write_and_read(ours, JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH);
	}
	json_decref(ours);
	json_decref(theirs);
	return 0;
}
