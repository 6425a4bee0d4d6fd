#include "build.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  32        /* a config needs 5 */
#define NODES_MAX  100000    /* aliases of aliases could grow without end */
#define COPIES_MAX (4 << 20) /* bytes of text that aliases may repeat: a file has 1 MiB */

struct conf_node *conf_build_node(
	struct conf_build *b, enum conf_node_kind kind, struct conf_place at, unsigned depth)
{
	struct conf_node *node;

	if (depth > DEPTH_MAX) {
		conf_errors_add(b->errors, b->alias.line != 0 ? b->alias : at,
			"nested too deep: expected at most %d levels", DEPTH_MAX);
		return NULL;
	}
	if (++b->nodes > NODES_MAX) {
		conf_errors_add(b->errors, b->alias.line != 0 ? b->alias : at,
			"too many values: expected at most %d, aliases included", NODES_MAX);
		return NULL;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL) {
		b->errors->no_memory = true;
		return NULL;
	}
	node->kind = kind;
	node->at = at;
	return node;
}

bool conf_build_append(struct conf_build *b, struct conf_node *node, struct conf_entry entry)
{
	/* the array has room for 1, 2, 4, 8, … pairs, so it is full when the count is such a
	 * number */
	if ((node->count & (node->count - 1)) == 0) {
		size_t room = node->count > 0 ? node->count * 2 : 1;
		struct conf_entry *entries =
			reallocarray(node->entries, room, sizeof(*node->entries));

		if (entries == NULL) {
			b->errors->no_memory = true;
			free(entry.key);
			conf_node_free(entry.value);
			return false;
		}
		node->entries = entries;
	}
	node->entries[node->count++] = entry;
	return true;
}

/* A text once more. NULL: reported. */
static char *repeat_text(struct conf_build *b, const char *text)
{
	size_t len = strlen(text);
	char *copy;

	if (b->copied + len > COPIES_MAX) {
		conf_errors_add(b->errors, b->alias,
			"aliases repeat too much text: expected at most %d MiB in all",
			COPIES_MAX >> 20);
		return NULL;
	}
	b->copied += len;
	copy = strdup(text);
	if (copy == NULL)
		b->errors->no_memory = true;
	return copy;
}

static struct conf_node *copy_node(
	struct conf_build *b, const struct conf_node *from, unsigned depth);

/* Appends a copy of an entry. False: reported. */
static bool copy_entry(
	struct conf_build *b, struct conf_node *to, const struct conf_entry *from, unsigned depth)
{
	struct conf_entry entry = *from;

	entry.key = from->key != NULL ? repeat_text(b, from->key) : NULL;
	if (from->key != NULL && entry.key == NULL)
		return false;
	entry.value = copy_node(b, from->value, depth);
	if (entry.value != NULL)
		return conf_build_append(b, to, entry);
	free(entry.key);
	return false;
}

static struct conf_node *copy_node(
	struct conf_build *b, const struct conf_node *from, unsigned depth)
{
	struct conf_node *node = conf_build_node(b, from->kind, from->at, depth);
	bool good = node != NULL;

	if (node == NULL)
		return NULL;
	node->plain = from->plain;
	node->text_at = from->text_at;
	if (from->text != NULL) {
		node->text = repeat_text(b, from->text);
		good = node->text != NULL;
	}
	for (size_t i = 0; i < from->count && good; i++)
		good = copy_entry(b, node, &from->entries[i], depth + 1);
	if (good)
		return node;
	conf_node_free(node);
	return NULL;
}

struct conf_node *conf_build_copy(
	struct conf_build *b, const struct conf_node *from, struct conf_place at, unsigned depth)
{
	struct conf_node *node;

	b->alias = at;
	node = copy_node(b, from, depth);
	b->alias = (struct conf_place){0};
	return node;
}
