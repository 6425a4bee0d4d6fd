#include "base/json.h"

#include "base/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the text of a number
 *
 * jansson has no place for it. It is behind jansson's own part of a JSON_REAL, in the same
 * allocation, which jansson makes by a function of ours and frees as a whole. A real that
 * somebody else made, as json_real does, has an empty text there. */

static size_t real_size;           /* of jansson's part, learned at start */
static _Thread_local size_t extra; /* for the text of the real that is being made */

static void *allocate(size_t size)
{
	size_t room = size == real_size ? extra + 1 : 0;
	char *memory = malloc(size + room);

	if (memory != NULL && room > 0)
		memory[size] = '\0';
	return memory;
}

static void *learn_size(size_t size)
{
	real_size = size;
	return malloc(size);
}

static __attribute__((constructor)) void set_functions(void)
{
	json_set_alloc_funcs(learn_size, free);
	json_decref(json_real(0));
	json_set_alloc_funcs(allocate, free);
}

/* Its value is the nearest double, or the largest. */
static json_t *real_new(const char *text, size_t len)
{
	json_t *real;
	double value;

	extra = len;
	real = json_real(0);
	extra = 0;
	if (real == NULL)
		return NULL;
	char *kept = (char *)real + real_size;
	memcpy(kept, text, len);
	kept[len] = '\0';
	value = strtod(kept, NULL);
	(void)json_real_set(real, isfinite(value) ? value : copysign(DBL_MAX, value));
	return real;
}

const char *json_number_text(const json_t *number, char room[JSON_NUMBER])
{
	if (json_is_real(number)) {
		const char *kept = (const char *)number + real_size;

		if (*kept != '\0')
			return kept;
		(void)snprintf(room, JSON_NUMBER, "%.17g", json_real_value(number));
	} else {
		(void)snprintf(
			room, JSON_NUMBER, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
	}
	return room;
}

/* ---- reading ---- */

struct reader {
	struct json_cursor at;
	struct buf decoded; /* a string with escapes, or a name */
	bool strict;
};

static json_t *refuse(struct reader *r, const char *wrong)
{
	if (r->at.wrong == NULL)
		r->at.wrong = wrong;
	return NULL;
}

/* An integer of 64 bits whose digits are those that json_number_text writes. */
static json_t *number_of(const struct json_token *t)
{
	bool negative = t->bytes[0] == '-', fits = !(negative && t->bytes[1] == '0');
	long long value = 0;

	for (size_t i = negative; i < t->len && fits; i++) {
		int digit = t->bytes[i] - '0';

		fits = digit >= 0 && digit <= 9 && !__builtin_mul_overflow(value, 10, &value) &&
		       !__builtin_sub_overflow(value, digit, &value);
	}
	fits = fits && (negative || !__builtin_sub_overflow(0, value, &value));
	return fits ? json_integer(value) : real_new(t->bytes, t->len);
}

static json_t *read_number(struct reader *r)
{
	struct json_token number;

	return json_cursor_number(&r->at, &number) ? number_of(&number) : NULL;
}

static json_t *read_string(struct reader *r)
{
	struct json_token string;

	if (!json_cursor_string(&r->at, &string))
		return NULL;
	if (!string.escaped)
		return json_stringn_nocheck(string.bytes, string.len);
	buf_clear(&r->decoded);
	json_token_add(&r->decoded, &string);
	if (!buf_ok(&r->decoded))
		return NULL;
	if (r->strict && memchr(r->decoded.data, '\0', r->decoded.len) != NULL)
		return refuse(r, "a NUL in a text");
	return json_stringn_nocheck(r->decoded.data, r->decoded.len);
}

static json_t *read_value(struct reader *r);

static json_t *read_array(struct reader *r)
{
	json_t *array = json_array();
	size_t count = 0;
	bool good = array != NULL && json_cursor_open(&r->at);

	while (good && json_cursor_item(&r->at, &count))
		good = json_array_append_new(array, read_value(r)) == 0;
	if (good && r->at.wrong == NULL)
		return array;
	json_decref(array);
	return NULL;
}

/* jansson ends a name at its first NUL. */
static void replace_nuls(struct buf *name)
{
	struct buf safe = {0};

	for (size_t i = 0; i < name->len; i++) {
		if (name->data[i] == '\0')
			buf_add_text(&safe, UTF8_REPLACEMENT);
		else
			buf_add_char(&safe, name->data[i]);
	}
	safe.failed = safe.failed || name->failed;
	buf_free(name);
	*name = safe;
}

/* The name of a member in r->decoded. */
static bool decode_name(struct reader *r, const struct json_token *name)
{
	buf_clear(&r->decoded);
	buf_add_text(&r->decoded, ""); /* an empty name is one, too */
	json_token_add(&r->decoded, name);
	if (buf_ok(&r->decoded) && memchr(r->decoded.data, '\0', r->decoded.len) != NULL)
		replace_nuls(&r->decoded);
	return buf_ok(&r->decoded);
}

/* The name is decoded after its value, which may have names itself. */
static bool read_member(struct reader *r, json_t *object, const struct json_token *name)
{
	json_t *value = read_value(r);

	if (value == NULL)
		return false;
	if (!decode_name(r, name)) {
		json_decref(value);
		return false;
	}
	if (r->strict && json_object_get(object, r->decoded.data) != NULL) {
		json_decref(value);
		return refuse(r, "a name that the object has already") != NULL;
	}
	return json_object_set_new_nocheck(object, r->decoded.data, value) == 0;
}

static json_t *read_object(struct reader *r)
{
	struct json_token name;
	json_t *object = json_object();
	size_t count = 0;
	bool good = object != NULL && json_cursor_open(&r->at);

	while (good && json_cursor_name(&r->at, &count, &name))
		good = read_member(r, object, &name);
	if (good && r->at.wrong == NULL)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *read_value(struct reader *r)
{
	char first = json_cursor_value(&r->at);

	switch (first) {
	case '\0':
		return NULL;
	case '{':
		return read_object(r);
	case '[':
		return read_array(r);
	case '"':
		return read_string(r);
	case 't':
	case 'f':
	case 'n':
		if (!json_cursor_skip(&r->at, first))
			return NULL;
		return first == 'n' ? json_null() : json_boolean(first == 't');
	default:
		return read_number(r);
	}
}

bool json_read(const char *text, size_t len, const struct json_rules *rules, json_t **out,
	struct json_wrong *wrong)
{
	struct reader r = {.strict = rules != NULL && rules->strict};

	json_cursor_begin(&r.at, text, len, rules != NULL ? rules->values : JSON_VALUES_MAX);
	*out = read_value(&r);
	if (*out != NULL && !json_cursor_end(&r.at)) {
		json_decref(*out);
		*out = NULL;
	}
	if (r.at.wrong != NULL && wrong != NULL)
		json_cursor_explain(&r.at, wrong);
	buf_free(&r.decoded);
	return *out != NULL || r.at.wrong != NULL;
}

/* ---- a text that may not be UTF-8 ---- */

json_t *json_safe_text(const char *text)
{
	json_t *json = json_string(text);
	struct buf safe = {0};

	if (json != NULL)
		return json;
	buf_add_escaped(&safe, text, strlen(text), '\0');
	json = buf_ok(&safe) ? json_string(safe.data != NULL ? safe.data : "") : NULL;
	buf_free(&safe);
	return json;
}
