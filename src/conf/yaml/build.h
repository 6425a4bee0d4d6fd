/* conf/yaml/build.h - makes the nodes of a tree, within limits of depth, number and text: what
 * aliases repeat grows with the product of anchors. Private to conf/yaml. One thread. */
#ifndef HOOKD_CONF_BUILD_H
#define HOOKD_CONF_BUILD_H

#include "base/attributes.h"
#include "errors.h"
#include "yaml.h"

#include <stdbool.h>
#include <stddef.h>

/* Of one file; zeroed but for its errors, which it borrows. */
struct conf_build {
	struct conf_errors *errors;
	size_t nodes;
	size_t copied;           /* bytes of text, by aliases */
	struct conf_place alias; /* the one that is being copied; line 0: none */
};

/* Returns new; NULL: reported. */
struct conf_node *conf_build_node(struct conf_build *b, enum conf_node_kind kind,
	struct conf_place at, unsigned depth) WARN_UNUSED;

/* Takes the entry's key and value, also on failure. False: reported. */
bool conf_build_append(
	struct conf_build *b, struct conf_node *node, struct conf_entry entry) WARN_UNUSED;

/* What an alias stands for: a copy of `from`, to be at that depth; `at` is the alias's place.
 * Returns new; NULL: reported. */
struct conf_node *conf_build_copy(struct conf_build *b, const struct conf_node *from,
	struct conf_place at, unsigned depth) WARN_UNUSED;

#endif
