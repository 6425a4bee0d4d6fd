/* conf/yaml/node.c - nodes of the tree: look-ups, places, freeing. */
#include "yaml.h"

#include <stdlib.h>
#include <string.h>

void conf_node_free(struct conf_node *node)
{
	if (node == NULL)
		return;
	for (size_t i = 0; i < node->count; i++) {
		free(node->entries[i].key);
		conf_node_free(node->entries[i].value);
	}
	free(node->entries);
	free(node->text);
	free(node->value);
	free(node);
}

struct conf_node *conf_node_get(const struct conf_node *node, const char *key)
{
	if (node == NULL || node->kind != CONF_NODE_MAPPING)
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		if (node->entries[i].first_line == 0 && strcmp(node->entries[i].key, key) == 0)
			return node->entries[i].value;
	return NULL;
}

bool conf_node_is_nothing(const struct conf_node *node)
{
	return node->kind == CONF_NODE_SCALAR && node->plain &&
	       (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
		       strcmp(node->text, "null") == 0);
}

struct conf_place conf_node_place(const struct conf_node *node, size_t byte)
{
	struct conf_place at = node->text_at;

	for (size_t i = 0; at.line != 0 && i < byte && node->text[i] != '\0'; i++) {
		if (node->text[i] == '\n') {
			at.line++;
			at.column = node->text_at.column;
		} else if (((unsigned char)node->text[i + 1] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}
