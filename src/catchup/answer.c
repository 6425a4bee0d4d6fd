#include "answer.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum answer_result parse(const char *text, size_t len, json_t **out)
{
	static const struct json_rules rules = {JSON_VALUES_MAX, true};

	if (!json_read(text, len, &rules, out, NULL))
		return ANSWER_NO_MEMORY;
	return json_is_object(*out) ? ANSWER_OK : ANSWER_UNREADABLE;
}

/* The first member of that type, but not `meta`. */
static json_t *member_of_type(json_t *root, json_type type)
{
	const char *name;
	json_t *value;

	json_object_foreach(root, name,
		value) if (json_typeof(value) == type && strcmp(name, "meta") != 0) return value;
	return NULL;
}

/* ---- events ---- */

static const char *text_member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && text[0] != '\0' ? text : NULL;
}

static const json_t *id_member(const json_t *object, const char *name)
{
	const json_t *id = json_object_get(object, name);

	return json_is_number(id) || text_member(object, name) != NULL ? id : NULL;
}

/* False: out of memory. */
static bool read_id(struct answer_event *row)
{
	const json_t *id = id_member(row->raw, "id");
	char room[JSON_NUMBER];

	if (json_is_number(id)) {
		row->own_id = strdup(json_number_text(id, room));
		row->id = row->own_id;
		return row->id != NULL;
	}
	if (id != NULL)
		row->id = json_string_value(id);
	return true;
}

static bool read_time(const json_t *object, const char *name, int64_t *ms)
{
	const char *text = text_member(object, name);

	return text != NULL && clock_parse(text, strlen(text), ms);
}

/* An object's text; a text that is one stays as it is written, with each digit of its numbers. */
static enum answer_result read_entity(struct answer_event *row)
{
	const json_t *entity = json_object_get(row->raw, "entity");
	enum answer_result result;
	json_t *parsed = NULL;

	if (json_is_object(entity)) {
		row->own_entity = json_text(entity, JSON_COMPACT);
		row->entity = row->own_entity;
		return row->entity != NULL ? ANSWER_OK : ANSWER_NO_MEMORY;
	}
	if (!json_is_string(entity))
		return ANSWER_OK;
	result = parse(json_string_value(entity), json_string_length(entity), &parsed);
	if (result == ANSWER_OK)
		row->entity = json_string_value(entity);
	json_decref(parsed);
	return result == ANSWER_NO_MEMORY ? result : ANSWER_OK;
}

static enum answer_result read_row(struct answer_event *row)
{
	if (!json_is_object(row->raw)) {
		row->unreadable = true;
		return ANSWER_OK;
	}
	if (!read_id(row))
		return ANSWER_NO_MEMORY;
	/* a webhook's body has it in `name` */
	row->type = text_member(row->raw, "type");
	if (row->type == NULL)
		row->type = text_member(row->raw, "name");
	row->object = text_member(row->raw, "object");
	row->object_id = id_member(row->raw, "object_id");
	row->account_id = id_member(row->raw, "account_id");
	row->unreadable = row->id == NULL || row->type == NULL ||
			  !read_time(row->raw, "created_at", &row->created_at);
	return read_entity(row);
}

static void read_meta(const json_t *root, struct answer_list *list)
{
	const json_t *meta = json_object_get(root, "meta");
	const json_t *next = json_object_get(meta, "next_page");
	json_int_t per_page = json_integer_value(json_object_get(meta, "per_page"));

	if (json_is_null(next))
		list->next = ANSWER_NEXT_NONE;
	else if (json_is_integer(next))
		list->next = ANSWER_NEXT_MORE;
	list->per_page = per_page > 0 ? per_page : 0;
}

static enum answer_result read_rows(const json_t *array, struct answer_list *list)
{
	enum answer_result result = ANSWER_OK;
	size_t count = json_array_size(array);

	list->rows = calloc(count + 1, sizeof(*list->rows));
	if (list->rows == NULL)
		return ANSWER_NO_MEMORY;
	for (size_t i = 0; i < count && result == ANSWER_OK; i++) {
		list->rows[i].raw = json_array_get(array, i);
		list->count = i + 1;
		result = read_row(&list->rows[i]);
	}
	return result;
}

enum answer_result answer_read_events(const char *text, size_t len, struct answer_list *out)
{
	enum answer_result result;
	const json_t *array;

	*out = (struct answer_list){0};
	result = parse(text, len, &out->root);
	if (result == ANSWER_OK) {
		array = member_of_type(out->root, JSON_ARRAY);
		result = array != NULL ? read_rows(array, out) : ANSWER_UNREADABLE;
		read_meta(out->root, out);
	}
	if (result != ANSWER_OK)
		answer_list_free(out);
	return result;
}

void answer_list_free(struct answer_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->rows[i].own_id);
		free(list->rows[i].own_entity);
	}
	free(list->rows);
	json_decref(list->root);
	*list = (struct answer_list){0};
}

/* ---- objects ---- */

static enum answer_result take_member(const char *text, size_t len, json_type type, json_t **out)
{
	json_t *root = NULL;
	enum answer_result result = parse(text, len, &root);

	*out = NULL;
	if (result == ANSWER_OK) {
		*out = json_incref(member_of_type(root, type));
		result = *out != NULL ? ANSWER_OK : ANSWER_UNREADABLE;
	}
	json_decref(root);
	return result;
}

enum answer_result answer_read_objects(const char *text, size_t len, json_t **out)
{
	enum answer_result result = take_member(text, len, JSON_ARRAY, out);

	for (size_t i = json_array_size(*out); i-- > 0;)
		if (!json_is_object(json_array_get(*out, i)))
			(void)json_array_remove(*out, i);
	return result;
}

enum answer_result answer_read_object(const char *text, size_t len, json_t **out)
{
	return take_member(text, len, JSON_OBJECT, out);
}

/* ---- errors and headers ---- */

void answer_error_text(const char *text, size_t len, struct buf *out)
{
	json_t *root = NULL;
	const char *message = NULL;

	if (parse(text, len, &root) == ANSWER_OK)
		message = text_member(root, "message");
	if (message != NULL)
		buf_add_escaped(out, message, strnlen(message, ANSWER_MESSAGE), '\0');
	json_decref(root);
}

int64_t answer_date(const char *value)
{
	time_t seconds = curl_getdate(value, NULL);

	return seconds > 0 && seconds < INT64_MAX / 1000 ? (int64_t)seconds * 1000 : 0;
}

int64_t answer_retry_after(const char *value, int64_t now, int64_t max)
{
	size_t len = strlen(value);
	int64_t wait;

	if (len > 0 && number_digits(value, len) == len) {
		if (!number_read(value, len, max / 1000, &wait))
			return max;
		return wait * 1000;
	}
	wait = answer_date(value);
	wait = wait > now ? wait - now : 0;
	return wait < max ? wait : max;
}
