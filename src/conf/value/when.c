/* conf/value/when.c - a hook's `when`: a mapping of paths to tests, joined by all, any and
 * not. */
#include "conf/read.h"
#include "rule/path.h"

#include <stdlib.h>
#include <string.h>

static struct condition *read_mapping(
	const struct conf_value *v, const struct conf_node *node, unsigned depth);

/* Conditions being collected; `good` is false once an error was reported. */
struct parts {
	struct condition **list;
	size_t count;
	bool good;
};

static bool parts_open(const struct conf_value *v, struct parts *parts, size_t room)
{
	*parts = (struct parts){.list = calloc(room + 1, sizeof(struct condition *)), .good = true};
	if (parts->list == NULL)
		v->reader->errors.no_memory = true;
	return parts->list != NULL;
}

/* Takes c; NULL: reported. */
static void parts_add(struct parts *parts, struct condition *c)
{
	if (c != NULL)
		parts->list[parts->count++] = c;
	else
		parts->good = false;
}

/* The conditions joined; NULL: an error was reported. */
static struct condition *parts_join(
	const struct conf_value *v, struct parts *parts, enum condition_join join)
{
	struct condition *c = NULL;

	if (!parts->good) {
		for (size_t i = 0; i < parts->count; i++)
			condition_free(parts->list[i]);
	} else if (parts->count == 1 && join != CONDITION_NOT) {
		c = parts->list[0];
	} else {
		c = condition_join(join, parts->list, parts->count);
		if (c == NULL)
			v->reader->errors.no_memory = true;
	}
	free(parts->list);
	return c;
}

static bool read_operand(
	const struct conf_value *v, struct conf_node *node, struct condition_operand *operand)
{
	struct conf_value value = *v;
	const char *text;

	value.node = node;
	if (node->kind != CONF_NODE_SCALAR) {
		conf_refuse(&value, "expected a single value to compare with, found %s",
			conf_node_found(node));
		return false;
	}
	text = conf_value_text(&value);
	if (text == NULL)
		return false;
	*operand = (struct condition_operand){.text = node->value, .plain = node->plain};
	if (conf_value_has_environment(&value))
		operand->written = node->text;
	/* in YAML, nothing after the colon means null, but that is hardly what was meant */
	if (node->plain && node->text[0] == '\0') {
		conf_refuse(&value, "expected a value to compare with, found nothing (write "
				    "null to compare with null)");
		return false;
	}
	return true;
}

/* Parses a key as a path. Returns new; NULL: reported. */
static struct path *read_path(const struct conf_value *v, const struct conf_entry *entry)
{
	struct path *path;
	struct fault fault;
	char quoted[CONF_QUOTED];

	path = path_parse(entry->key, strlen(entry->key), &fault);
	if (path == NULL)
		conf_refuse_at(v, entry->at, "%s %s", conf_quote(entry->key, quoted), fault.what);
	return path;
}

/* A test with the operands in a node, one or a list. */
static struct condition *read_test(const struct conf_value *v, const struct conf_entry *entry,
	enum condition_op op, struct conf_node *node)
{
	bool list = node->kind == CONF_NODE_LIST;
	size_t count = list ? node->count : 1;
	struct condition_operand *operands;
	struct condition *c = NULL;
	struct path *path;
	char what[200], quoted[CONF_QUOTED];
	bool good = true;

	if (list && op != CONDITION_IN && op != CONDITION_NOT_IN) {
		conf_refuse_at(v, node->at, "%s: %s: expected a single value, found a list",
			entry->key, condition_ops[op]);
		return NULL;
	}
	if (count == 0) {
		conf_refuse_at(v, node->at, "%s: expected at least one value, found an empty list",
			entry->key);
		return NULL;
	}
	operands = calloc(count, sizeof(*operands));
	if (operands == NULL) {
		v->reader->errors.no_memory = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		good = read_operand(v, list ? node->entries[i].value : node, &operands[i]) && good;
	path = good ? read_path(v, entry) : NULL;
	if (path != NULL) {
		c = condition_test(path, op, operands, count, what);
		if (c == NULL && list)
			conf_refuse_at(
				v, node->at, "%s: %s: %s", entry->key, condition_ops[op], what);
		else if (c == NULL)
			conf_refuse_at(v, node->at, "%s: %s: %s %s", entry->key, condition_ops[op],
				conf_quote(node->text, quoted), what);
	}
	free(operands);
	return c;
}

static int find_op(const char *word)
{
	for (int i = 0; condition_ops[i] != NULL; i++)
		if (strcmp(condition_ops[i], word) == 0)
			return i;
	return -1;
}

static void refuse_op(
	const struct conf_value *v, const struct conf_entry *path, const struct conf_entry *entry)
{
	static const char *const signs[][2] = {{"=", "eq"}, {"==", "eq"}, {"!=", "ne"},
		{"<>", "ne"}, {">", "gt"}, {">=", "gte"}, {"<", "lt"}, {"<=", "lte"},
		{"min", "gte"}, {"max", "lte"}, {"regex", "matches"}, {"nin", "not_in"},
		{"equals", "eq"}};
	struct conf_guess guess = {.word = entry->key};
	char quoted[CONF_QUOTED], meant[CONF_GUESS];

	for (size_t i = 0; condition_ops[i] != NULL; i++)
		conf_guess_try(&guess, condition_ops[i]);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strcmp(signs[i][0], entry->key) == 0)
			guess.best = signs[i][1];
	conf_refuse_at(v, entry->at,
		"%s: unknown operator %s: expected eq, ne, gt, gte, lt, lte, in, not_in, glob, "
		"matches, exists or empty%s",
		path->key, conf_quote(entry->key, quoted), conf_guess_text(&guess, meant));
}

static bool refuse_duplicate(const struct conf_value *v, const struct conf_entry *entry)
{
	char quoted[CONF_QUOTED];

	if (entry->first_line == 0)
		return false;
	conf_refuse_at(v, entry->at, "duplicate key %s: it is already in line %u",
		conf_quote(entry->key, quoted), entry->first_line);
	return true;
}

/* {gte: 100, lt: 200}: all must hold. */
static struct condition *read_operators(const struct conf_value *v, const struct conf_entry *entry)
{
	const struct conf_node *node = entry->value;
	struct condition *joined;
	struct parts parts;

	if (node->count == 0) {
		conf_refuse_at(v, node->at,
			"%s: expected an operator such as {gte: 100}, found none", entry->key);
		return NULL;
	}
	if (!parts_open(v, &parts, node->count))
		return NULL;
	for (size_t i = 0; i < node->count; i++) {
		const struct conf_entry *op_entry = &node->entries[i];
		int op = find_op(op_entry->key);

		if (refuse_duplicate(v, op_entry)) {
			parts.good = false;
		} else if (op < 0) {
			refuse_op(v, entry, op_entry);
			parts.good = false;
		} else {
			parts_add(&parts,
				read_test(v, entry, (enum condition_op)op, op_entry->value));
		}
	}
	joined = parts_join(v, &parts, CONDITION_ALL);
	if (joined != NULL)
		conf_warn_of_never(v, entry, joined);
	return joined;
}

/* The mappings of an any or all. */
static struct condition *read_list(const struct conf_value *v, const struct conf_entry *entry,
	enum condition_join join, unsigned depth)
{
	const struct conf_node *node = entry->value;
	struct parts parts;

	if (node->kind != CONF_NODE_LIST || node->count == 0) {
		conf_refuse_at(v, node->at,
			"%s: expected a list of conditions such as [{entity.mode: moov}], found %s",
			entry->key, conf_node_found(node));
		return NULL;
	}
	if (!parts_open(v, &parts, node->count))
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		parts_add(&parts, read_mapping(v, node->entries[i].value, depth + 1));
	return parts_join(v, &parts, join);
}

static struct condition *read_not(
	const struct conf_value *v, const struct conf_entry *entry, unsigned depth)
{
	struct parts parts;

	if (!parts_open(v, &parts, 1))
		return NULL;
	parts_add(&parts, read_mapping(v, entry->value, depth + 1));
	return parts_join(v, &parts, CONDITION_NOT);
}

static struct condition *read_entry(
	const struct conf_value *v, const struct conf_entry *entry, unsigned depth)
{
	if (refuse_duplicate(v, entry))
		return NULL;
	if (strcmp(entry->key, "all") == 0)
		return read_list(v, entry, CONDITION_ALL, depth);
	if (strcmp(entry->key, "any") == 0)
		return read_list(v, entry, CONDITION_ANY, depth);
	if (strcmp(entry->key, "not") == 0)
		return read_not(v, entry, depth);
	if (entry->value->kind == CONF_NODE_MAPPING)
		return read_operators(v, entry);
	return read_test(v, entry,
		entry->value->kind == CONF_NODE_LIST ? CONDITION_IN : CONDITION_EQ, entry->value);
}

/* A mapping, all of whose entries must hold. Returns new; NULL: reported. */
static struct condition *read_mapping(
	const struct conf_value *v, const struct conf_node *node, unsigned depth)
{
	struct parts parts;

	if (node->kind != CONF_NODE_MAPPING || node->count == 0) {
		conf_refuse_at(v, node->at,
			"expected a mapping of paths to tests such as {entity.amount: {gte: 100}}, "
			"found %s",
			node->kind == CONF_NODE_MAPPING ? "an empty one" : conf_node_found(node));
		return NULL;
	}
	if (depth > CONDITION_DEPTH) {
		conf_refuse_at(v, node->at, "is nested too deep: expected at most %d levels",
			CONDITION_DEPTH);
		return NULL;
	}
	if (!parts_open(v, &parts, node->count))
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		parts_add(&parts, read_entry(v, &node->entries[i], depth));
	return parts_join(v, &parts, CONDITION_ALL);
}

bool conf_read_when(const struct conf_value *v)
{
	struct condition *c = read_mapping(v, v->node, 0);

	*(struct condition **)v->target = c;
	return c != NULL;
}
