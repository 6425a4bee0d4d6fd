/* event/scan.c - finds an event's values with base/json_cursor.h. What would need memory of its own
 * is left to the tree: escapes other than the simple ones in a value or a name that is wanted, a
 * text where an object is wanted. tests/fuzz/fuzz_event.c compares the two. */
#include "scan.h"

#include "base/json.h"
#include "base/json_cursor.h"

#include <stdint.h>
#include <string.h>

struct scan {
	struct json_cursor at;
	struct event_fields *f;
};

/* A string's text where it has simple escapes only, as PHP's "v1\/transaction". */
static bool unescape(struct event_fields *f, const struct json_token *string, struct event_value *v)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *text = string->bytes;
	char *out = f->room + f->used;

	if (string->len > sizeof(f->room) - f->used)
		return false;
	v->bytes = out;
	for (size_t i = 0; i < string->len; i++) {
		if (text[i] == '\\') {
			i++;
			if (text[i] == 'u')
				return false;
			*out++ = to[strchr(from, text[i]) - from];
		} else {
			*out++ = text[i];
		}
	}
	v->len = (size_t)(out - v->bytes);
	f->used += v->len;
	return true;
}

const struct event_moment *event_fields_moment(
	const struct event_fields *f, const char *name, size_t len)
{
	for (size_t i = 0; i < f->moment_count; i++)
		if (f->moments[i].len == len && memcmp(f->moments[i].name, name, len) == 0)
			return &f->moments[i];
	return NULL;
}

/* If it occurs twice, the last one counts. False: there is no room. */
static bool keep_moment(
	struct event_fields *f, const char *name, size_t len, const struct event_value *value)
{
	const struct event_moment *earlier = event_fields_moment(f, name, len);
	size_t i = earlier != NULL ? (size_t)(earlier - f->moments) : f->moment_count;

	if (i == EVENT_FIELDS_MOMENTS)
		return false;
	f->moment_count += earlier == NULL;
	f->moments[i] = (struct event_moment){name, len, *value};
	return true;
}

static bool is_moment(const struct event_member *wanted, const char *name, size_t len)
{
	return wanted->field == EVENT_MOMENTS && len > wanted->len &&
	       memcmp(name + len - wanted->len, wanted->name, wanted->len) == 0;
}

/* Who wrote an exponent rounded: such a number tells nothing from anything. */
static bool is_exact(const char *number, size_t len)
{
	return memchr(number, 'e', len) == NULL && memchr(number, 'E', len) == NULL;
}

static bool scan_wanted(struct scan *s, struct event_value *v)
{
	char first = json_cursor_value(&s->at);
	struct json_token token;

	*v = (struct event_value){0};
	if (first == '"') {
		if (!json_cursor_string(&s->at, &token))
			return false;
		*v = (struct event_value){token.bytes, token.len, false};
		return !token.escaped || unescape(s->f, &token, v);
	}
	if (first != '-' && (first < '0' || first > '9'))
		return json_cursor_skip(&s->at, first);
	if (!json_cursor_number(&s->at, &token))
		return false;
	if (is_exact(token.bytes, token.len))
		*v = (struct event_value){token.bytes, token.len, true};
	return true;
}

/* If a member's name occurs twice, the last one counts: an object replaces everything that an
 * earlier one had. */
static void forget(struct event_fields *f, const struct event_member *members)
{
	for (; members->name != NULL; members++) {
		if (members->members != NULL)
			forget(f, members->members);
		else if (members->field == EVENT_MOMENTS)
			f->moment_count = 0;
		else
			f->values[members->field] = (struct event_value){0};
	}
}

static bool scan_moment(struct scan *s, const struct json_token *name)
{
	struct event_value v;

	if (!scan_wanted(s, &v))
		return false;
	if (v.number)
		v = (struct event_value){0};
	return keep_moment(s->f, name->bytes, name->len, &v);
}

static bool scan_object(struct scan *s, const struct event_member *wanted);

static bool scan_inner(struct scan *s, const struct event_member *members)
{
	char first = json_cursor_value(&s->at);

	forget(s->f, members);
	if (first == '"')
		return false;
	return first == '{' ? scan_object(s, members) : json_cursor_skip(&s->at, first);
}

static bool scan_member(
	struct scan *s, const struct event_member *wanted, const struct json_token *name)
{
	for (; wanted->name != NULL; wanted++) {
		if (is_moment(wanted, name->bytes, name->len))
			return scan_moment(s, name);
		if (wanted->field == EVENT_MOMENTS || wanted->len != name->len ||
			memcmp(wanted->name, name->bytes, name->len) != 0)
			continue;
		return wanted->members != NULL ? scan_inner(s, wanted->members)
					       : scan_wanted(s, &s->f->values[wanted->field]);
	}
	return json_cursor_skip(&s->at, json_cursor_value(&s->at));
}

static bool scan_object(struct scan *s, const struct event_member *wanted)
{
	struct json_token name;
	size_t count = 0;

	if (!json_cursor_open(&s->at))
		return false;
	while (json_cursor_name(&s->at, &count, &name))
		if (name.escaped || !scan_member(s, wanted, &name))
			return false;
	return s->at.wrong == NULL;
}

bool event_scan(
	struct event_fields *f, const struct event_shape *shape, const char *body, size_t len)
{
	struct scan s = {.f = f};

	memset(f->values, 0, sizeof(f->values));
	f->is_object = true;
	f->moment_count = 0;
	f->used = 0;
	json_cursor_begin(&s.at, body, len, JSON_VALUES_MAX);
	return json_cursor_value(&s.at) == '{' && scan_object(&s, shape->members) &&
	       json_cursor_end(&s.at);
}

/* A number whose text is not in the tree is in the room. */
static struct event_value number_of(struct event_fields *f, const json_t *json)
{
	char room[JSON_NUMBER];
	const char *text = json_number_text(json, room);
	size_t len = strlen(text);

	if (!is_exact(text, len) || len > sizeof(f->room) - f->used)
		return (struct event_value){0};
	if (text == room) {
		text = memcpy(f->room + f->used, room, len);
		f->used += len;
	}
	return (struct event_value){text, len, true};
}

static struct event_value value_of(struct event_fields *f, const json_t *json)
{
	if (json_is_string(json))
		return (struct event_value){
			json_string_value(json), json_string_length(json), false};
	return json_is_number(json) ? number_of(f, json) : (struct event_value){0};
}

/* What has a row of its own is no moment, here as in scan_member. */
static bool has_row(const struct event_member *members, const char *name)
{
	for (; members->name != NULL; members++)
		if (members->field != EVENT_MOMENTS && strcmp(members->name, name) == 0)
			return true;
	return false;
}

static void read_moments(struct event_fields *f, const struct event_member *members,
	const struct event_member *wanted, json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		struct event_value v = {json_string_value(value), json_string_length(value), false};

		if (v.bytes != NULL && is_moment(wanted, name, strlen(name)) &&
			!has_row(members, name))
			(void)keep_moment(f, name, strlen(name), &v);
	}
}

static void read_members(struct event_fields *f, const struct event_member *members, json_t *object)
{
	for (const struct event_member *m = members; m->name != NULL; m++) {
		json_t *value = json_object_get(object, m->name);

		if (m->members != NULL)
			read_members(f, m->members, value);
		else if (m->field == EVENT_MOMENTS)
			read_moments(f, members, m, object);
		else
			f->values[m->field] = value_of(f, value);
	}
}

void event_fields_of(struct event_fields *f, const struct event_shape *shape, json_t *root)
{
	memset(f->values, 0, sizeof(f->values));
	f->is_object = json_is_object(root);
	f->moment_count = 0;
	f->used = 0;
	read_members(f, shape->members, root);
}
