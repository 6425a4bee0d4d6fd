#include "rule/condition.h"

#include "base/json.h"
#include "compare.h"
#include "regex.h"
#include "rule/path.h"

#include <assert.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 60 /* bytes of a value in a reason */

const char *const condition_ops[] = {"eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "glob",
	"matches", "exists", "empty", NULL};

struct condition {
	bool is_join;
	/* a test */
	struct path *path;
	enum condition_op op;
	struct operand *operands;
	bool wanted;         /* of CONDITION_EXISTS and CONDITION_EMPTY */
	struct regex *regex; /* of CONDITION_MATCHES */
	/* a join */
	enum condition_join join;
	struct condition **parts;
	size_t count; /* of parts, or of operands */
};

/* ---- construction ---- */

static bool check_operands(struct condition *c, char what[200])
{
	const struct operand *first = &c->operands[0];

	assert(c->count > 0 && first->text != NULL);
	switch (c->op) {
	case CONDITION_GT:
	case CONDITION_GTE:
	case CONDITION_LT:
	case CONDITION_LTE:
		if (first->is_decimal || first->is_time)
			return true;
		(void)snprintf(what, 200,
			"is neither a number nor a time: expected one such as 100, 0.018 or "
			"2026-06-30T22:50:29Z");
		return false;
	case CONDITION_GLOB:
		if (first->len <= CONDITION_PATTERN)
			return true;
		(void)snprintf(
			what, 200, "is too long: expected at most %d bytes", CONDITION_PATTERN);
		return false;
	case CONDITION_MATCHES:
		c->regex = regex_new(first->text, what);
		return c->regex != NULL;
	case CONDITION_EXISTS:
	case CONDITION_EMPTY:
		c->wanted = strcmp(first->text, "true") == 0;
		if (first->plain && (c->wanted || strcmp(first->text, "false") == 0))
			return true;
		(void)snprintf(what, 200, "expected true or false");
		return false;
	default:
		return true;
	}
}

struct condition *condition_test(struct path *path, enum condition_op op,
	const struct condition_operand *operands, size_t count, char what[200])
{
	struct condition *c = calloc(1, sizeof(*c));
	bool good = c != NULL;

	(void)snprintf(what, 200, "out of memory");
	if (c == NULL) {
		path_free(path);
		return NULL;
	}
	c->path = path;
	c->op = op;
	c->operands = calloc(count + 1, sizeof(*c->operands));
	good = c->operands != NULL;
	for (size_t i = 0; i < count && good; i++) {
		good = operand_set(&c->operands[i], &operands[i]);
		c->count = i + 1;
	}
	if (good && check_operands(c, what))
		return c;
	condition_free(c);
	return NULL;
}

struct condition *condition_join(enum condition_join join, struct condition **parts, size_t count)
{
	struct condition *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->is_join = true;
		c->join = join;
		c->parts = calloc(count + 1, sizeof(struct condition *));
	}
	if (c == NULL || c->parts == NULL) {
		for (size_t i = 0; i < count; i++)
			condition_free(parts[i]);
		free(c);
		return NULL;
	}
	memcpy(c->parts, parts, count * sizeof(struct condition *));
	c->count = count;
	return c;
}

void condition_free(struct condition *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++) {
		if (c->is_join)
			condition_free(c->parts[i]);
		else
			operand_free(&c->operands[i]);
	}
	free(c->parts);
	free(c->operands);
	path_free(c->path);
	regex_free(c->regex);
	free(c);
}

/* ---- a test ---- */

/* A number as it was written, or a word. NULL: it is neither. */
static const char *word_of(const json_t *value, char room[JSON_NUMBER])
{
	if (json_is_number(value))
		return json_number_text(value, room);
	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	return NULL;
}

/* What went wrong in a test. */
struct trouble {
	bool no_memory;
	const char *limit; /* why a text was not compared to its end; NULL: it was */
};

static bool fits_regex(
	const struct condition *c, const char *text, size_t len, struct trouble *trouble)
{
	enum regex_result result = regex_match(c->regex, text, len);

	trouble->no_memory = trouble->no_memory || result == REGEX_NO_MEMORY;
	if (result == REGEX_LIMIT)
		trouble->limit = "too many steps to match";
	return result == REGEX_MATCH;
}

/* What fnmatch takes grows with the text times the pattern. */
static bool fits_glob(
	const struct condition *c, const char *text, size_t len, struct trouble *trouble)
{
	if (len > CONDITION_SUBJECT) {
		trouble->limit = "too long for a pattern";
		return false;
	}
	return strlen(text) == len && fnmatch(c->operands[0].text, text, 0) == 0;
}

static bool fits_pattern(const struct condition *c, const json_t *value, struct trouble *trouble)
{
	const char *text;
	char room[JSON_NUMBER];
	size_t len;

	if (json_is_string(value)) {
		text = json_string_value(value);
		len = json_string_length(value);
	} else {
		text = word_of(value, room);
		if (text == NULL)
			return false;
		len = strlen(text);
	}
	return c->op == CONDITION_GLOB ? fits_glob(c, text, len, trouble)
				       : fits_regex(c, text, len, trouble);
}

static bool is_empty(const json_t *value)
{
	return value == NULL || json_is_null(value) ||
	       (json_is_string(value) && json_string_length(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static bool is_one_of(const struct condition *c, const json_t *value)
{
	for (size_t i = 0; i < c->count; i++)
		if (compare_equal(value, &c->operands[i]))
			return true;
	return false;
}

static bool is_in_order(const struct condition *c, const json_t *value)
{
	int order;

	if (!compare_order(value, &c->operands[0], &order))
		return false;
	switch (c->op) {
	case CONDITION_GT:
		return order > 0;
	case CONDITION_GTE:
		return order >= 0;
	case CONDITION_LT:
		return order < 0;
	default:
		return order <= 0;
	}
}

static bool test_holds(const struct condition *c, const json_t *value, struct trouble *trouble)
{
	if (c->op == CONDITION_EXISTS)
		return (value != NULL) == c->wanted;
	if (c->op == CONDITION_EMPTY)
		return is_empty(value) == c->wanted;
	if (value == NULL)
		return false;
	switch (c->op) {
	case CONDITION_EQ:
	case CONDITION_IN:
		return is_one_of(c, value);
	case CONDITION_NE:
	case CONDITION_NOT_IN:
		return !is_one_of(c, value);
	case CONDITION_GLOB:
	case CONDITION_MATCHES:
		return fits_pattern(c, value, trouble);
	default:
		return is_in_order(c, value);
	}
}

/* ---- in words ---- */

static void add_shortened(struct buf *out, const char *text, size_t len)
{
	size_t shown = len < SHOWN ? len : SHOWN;

	while (shown > 0 && shown < len && ((unsigned char)text[shown] & 0xc0) == 0x80)
		shown--;
	buf_add_escaped(out, text, shown, '"');
	buf_add_text(out, shown < len ? "…" : "");
}

static void add_quoted(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	add_shortened(out, text, len);
	buf_add_char(out, '"');
}

static void add_value(struct buf *out, const json_t *value)
{
	char room[JSON_NUMBER];
	const char *word;

	if (value == NULL)
		buf_add_text(out, "missing");
	else if (json_is_string(value))
		add_quoted(out, json_string_value(value), json_string_length(value));
	else if (json_is_null(value))
		buf_add_text(out, "null");
	else if (json_is_object(value))
		buf_add_text(out, json_object_size(value) > 0 ? "an object" : "an empty object");
	else if (json_is_array(value))
		buf_add_text(out, json_array_size(value) > 0 ? "a list" : "an empty list");
	else if ((word = word_of(value, room)) != NULL)
		add_shortened(out, word, strlen(word));
}

/* A step in quotes may have any character. */
static void add_path(struct buf *out, const struct path *path)
{
	buf_add_escaped(out, path_text(path), strlen(path_text(path)), '\0');
	buf_add_text(out, " is ");
}

/* As written in the config: numbers and words bare, texts in quotes. */
static void add_operand(struct buf *out, const struct operand *o)
{
	bool word = o->plain && (strcmp(o->text, "true") == 0 || strcmp(o->text, "false") == 0 ||
					strcmp(o->text, "null") == 0 || strcmp(o->text, "~") == 0);

	if (o->written != NULL)
		buf_add_escaped(out, o->written, strlen(o->written), '\0');
	else if (word || (o->is_decimal && o->len <= SHOWN) || o->is_time)
		buf_add_text(out, o->text);
	else
		add_quoted(out, o->text, o->len);
}

static void add_operands(struct buf *out, const struct condition *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (i > 0)
			buf_add_text(out, ", ");
		add_operand(out, &c->operands[i]);
	}
}

static void add_test(struct buf *out, const struct condition *c)
{
	static const char *const words[] = {
		[CONDITION_EQ] = "",
		[CONDITION_NE] = "not ",
		[CONDITION_GT] = "more than ",
		[CONDITION_GTE] = "at least ",
		[CONDITION_LT] = "less than ",
		[CONDITION_LTE] = "at most ",
		[CONDITION_IN] = "one of ",
		[CONDITION_NOT_IN] = "none of ",
		[CONDITION_GLOB] = "like ",
		[CONDITION_MATCHES] = "a match of ",
	};

	if (c->op == CONDITION_EXISTS) {
		buf_add_text(out, c->wanted ? "present" : "missing");
	} else if (c->op == CONDITION_EMPTY) {
		buf_add_text(out, c->wanted ? "empty" : "not empty");
	} else {
		buf_add_text(out, words[c->op]);
		add_operands(out, c);
	}
}

void condition_explain(const struct condition *c, struct buf *out)
{
	if (!c->is_join) {
		add_path(out, c->path);
		add_test(out, c);
		return;
	}
	if (c->join == CONDITION_NOT)
		buf_add_text(out, "not (");
	for (size_t i = 0; i < c->count; i++) {
		const struct condition *part = c->parts[i];
		bool brackets = part->is_join && part->join != CONDITION_NOT && part->count > 1 &&
				c->count > 1;

		if (i > 0)
			buf_add_text(out, c->join == CONDITION_ANY ? " or " : " and ");
		if (brackets)
			buf_add_char(out, '(');
		condition_explain(part, out);
		if (brackets)
			buf_add_char(out, ')');
	}
	if (c->join == CONDITION_NOT)
		buf_add_char(out, ')');
}

/* ---- evaluation ---- */

static bool holds(const struct condition *c, const json_t *document, struct buf *why,
	struct trouble *trouble);

static bool any_holds(
	const struct condition *c, const json_t *document, struct buf *why, struct trouble *trouble)
{
	for (size_t i = 0; i < c->count; i++)
		if (holds(c->parts[i], document, NULL, trouble))
			return true;
	/* none holds: each one's reason, in one line */
	for (size_t i = 0; i < c->count && why != NULL; i++) {
		if (i > 0)
			buf_add_text(why, "; and ");
		(void)holds(c->parts[i], document, why, trouble);
	}
	return false;
}

static bool all_hold(
	const struct condition *c, const json_t *document, struct buf *why, struct trouble *trouble)
{
	for (size_t i = 0; i < c->count; i++)
		if (!holds(c->parts[i], document, why, trouble))
			return false;
	return true;
}

static bool holds(
	const struct condition *c, const json_t *document, struct buf *why, struct trouble *trouble)
{
	const json_t *value;

	if (c->is_join && c->join == CONDITION_ANY)
		return any_holds(c, document, why, trouble);
	if (c->is_join && c->join == CONDITION_ALL)
		return all_hold(c, document, why, trouble);
	if (c->is_join) {
		if (!all_hold(c, document, NULL, trouble))
			return true;
		if (why != NULL) {
			buf_add_text(why, "expected ");
			condition_explain(c, why);
		}
		return false;
	}
	value = path_find(c->path, document);
	trouble->limit = NULL;
	if (test_holds(c, value, trouble))
		return true;
	if (why != NULL) {
		add_path(why, c->path);
		add_value(why, value);
		if (trouble->limit != NULL)
			buf_printf(why, " (%s)", trouble->limit);
		buf_add_text(why, ": expected ");
		add_test(why, c);
	}
	return false;
}

bool condition_decides(const struct condition *c, const json_t *document, bool *no_memory)
{
	struct trouble trouble = {0};
	bool good = holds(c, document, NULL, &trouble);

	*no_memory = trouble.no_memory;
	return good;
}

bool condition_holds(const struct condition *c, const json_t *document, struct buf *why)
{
	struct trouble trouble = {0};
	bool good = holds(c, document, why, &trouble);

	if (trouble.no_memory && why != NULL)
		why->failed = true;
	return good;
}
