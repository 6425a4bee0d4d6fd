/* conf/yaml/yaml.h - a YAML text as a tree of nodes that know their line and column.
 * Only what a config needs: one document of mappings, lists and scalars; every scalar is
 * text, whose type the reader decides. Aliases are copied, so that the tree has no
 * shared nodes; its depth and size are limited. Private to conf. */
#ifndef HOOKD_CONF_YAML_H
#define HOOKD_CONF_YAML_H

#include "base/attributes.h"
#include "errors.h"

#include <stdbool.h>
#include <stddef.h>

enum conf_node_kind { CONF_NODE_SCALAR, CONF_NODE_LIST, CONF_NODE_MAPPING };

struct conf_entry {
	char *key;            /* NULL in a list */
	struct conf_place at; /* the key's */
	unsigned first_line;  /* the line where the same key is first; 0: it is this one */
	struct conf_node *value;
};

struct conf_node {
	enum conf_node_kind kind;
	struct conf_place at;
	char *text;                /* of a scalar, as written but without its quotes */
	bool plain;                /* a scalar without quotes */
	struct conf_place text_at; /* of a scalar's first character where the file shows the
				    * text as it is, further lines beginning in the same
				    * column; line 0: it does not */
	char *value;               /* of a scalar, with ${NAME} replaced; NULL until it is needed */
	struct conf_entry *entries;
	size_t count;
};

/* Returns new, or NULL with an error added. Errors may be added even if a tree is
 * returned. */
struct conf_node *conf_yaml_parse(
	const void *bytes, size_t len, struct conf_errors *errors) WARN_UNUSED;

/* The value of a key; NULL: none, or node is NULL or not a mapping. */
struct conf_node *conf_node_get(const struct conf_node *node, const char *key);

/* The place of a scalar's byte (from 0); line 0: unknown. */
struct conf_place conf_node_place(const struct conf_node *node, size_t byte);

/* Is it an empty value? */
bool conf_node_is_nothing(const struct conf_node *node);

void conf_node_free(struct conf_node *node);

#endif
