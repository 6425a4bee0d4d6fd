/* conf/value/never.c - tests of one path that no value can pass together: {gte: 100, lt: 50}. They
 * are tried with all values that could: the operands, what is beside and between them. */
#include "conf/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPERANDS_MAX 64   /* of more it is not known */
#define EXACT        9e15 /* a double has each integer up to here */

/* What the tests compare with. */
struct operands {
	const struct conf_node *nodes[OPERANDS_MAX];
	double numbers[OPERANDS_MAX];
	size_t count, number_count;
	bool known; /* how to try each of them is */
};

static bool read_number(const char *text, double *number)
{
	char *end;

	*number = strtod(text, &end);
	return text[0] != '\0' && *end == '\0' && isfinite(*number) && fabs(*number) < EXACT;
}

static void add_operand(struct operands *all, const char *op, const struct conf_node *node)
{
	bool ordered = op[0] == 'g' || op[0] == 'l'; /* gt, gte, lt, lte */
	double number;

	if (node->kind != CONF_NODE_SCALAR || node->value == NULL || all->count == OPERANDS_MAX) {
		all->known = false;
		return;
	}
	all->nodes[all->count++] = node;
	if (read_number(node->value, &number))
		all->numbers[all->number_count++] = number;
	else if (ordered)
		all->known = false; /* a time */
}

static struct operands gather(const struct conf_node *ops)
{
	struct operands all = {.known = true};

	for (size_t i = 0; i < ops->count; i++) {
		const char *op = ops->entries[i].key;
		const struct conf_node *node = ops->entries[i].value;

		if (strcmp(op, "glob") == 0 || strcmp(op, "matches") == 0)
			all.known = false;
		for (size_t k = 0; node->kind == CONF_NODE_LIST && k < node->count; k++)
			add_operand(&all, op, node->entries[k].value);
		if (node->kind != CONF_NODE_LIST)
			add_operand(&all, op, node);
	}
	return all;
}

/* A document that has the value at the path. Takes value; NULL: it has none. */
static json_t *document_with(const struct path *path, json_t *value)
{
	for (size_t i = path_count(path); value != NULL && i-- > 0;) {
		json_t *outer = json_object();

		if (json_object_set_new(outer, path_step(path, i), value) != 0) {
			json_decref(outer);
			outer = NULL;
		}
		value = outer;
	}
	return value != NULL ? value : json_object();
}

/* The tests of one path. */
struct tests {
	const struct condition *condition;
	struct path *path;
};

/* Do all of them hold for the value? Takes it; NULL: it is missing. */
static bool holds(const struct tests *t, json_t *value)
{
	json_t *document = document_with(t->path, value);
	bool no_memory = document == NULL;
	bool result = no_memory || condition_decides(t->condition, document, &no_memory);

	json_decref(document);
	return result || no_memory;
}

static bool some_number_holds(const struct tests *t, const struct operands *all)
{
	for (size_t i = 0; i < all->number_count; i++)
		for (size_t k = 0; k < all->number_count; k++)
			if (holds(t, json_real(all->numbers[i])) ||
				holds(t, json_real(all->numbers[i] - 1)) ||
				holds(t, json_real(all->numbers[i] + 1)) ||
				holds(t, json_real((all->numbers[i] + all->numbers[k]) / 2)))
				return true;
	return false;
}

static bool some_value_holds(const struct tests *t, const struct operands *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (holds(t, json_string(all->nodes[i]->value)))
			return true;
	return holds(t, NULL) || holds(t, json_null()) || holds(t, json_true()) ||
	       holds(t, json_false()) || holds(t, json_string("")) ||
	       holds(t, json_string("another")) || holds(t, json_object()) ||
	       some_number_holds(t, all);
}

void conf_warn_of_never(const struct conf_value *v, const struct conf_entry *entry,
	const struct condition *condition)
{
	const struct operands all = gather(entry->value);
	struct fault fault;
	struct tests t = {condition, NULL};

	if (!all.known || entry->value->count < 2)
		return;
	t.path = path_parse(entry->key, strlen(entry->key), &fault);
	if (t.path != NULL && !some_value_holds(&t, &all))
		conf_warn_at(v, entry->value->at,
			"%s: no value passes all of these tests, so the condition never holds",
			entry->key);
	path_free(t.path);
}
