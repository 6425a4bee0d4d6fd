/* conf/value/scope.c - the section that is being read: its rows in the table of keys and
 * its name in messages. */
#include "conf/read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct conf_scope conf_scope_inner(
	const struct conf_scope *scope, const char *name, const char *rows)
{
	struct conf_scope inner = *scope;
	const char *dot = scope->section[0] != '\0' ? "." : "";
	int n;

	/* all are in the table, so all fit */
	n = snprintf(inner.path, sizeof(inner.path), "%s%s%s", scope->path,
		scope->path[0] != '\0' ? "." : "", name);
	assert(n > 0 && (size_t)n < sizeof(inner.path));
	if (rows != NULL)
		n = snprintf(inner.section, sizeof(inner.section), "%s", rows);
	else
		n = snprintf(
			inner.section, sizeof(inner.section), "%s%s%s", scope->section, dot, name);
	assert(n > 0 && (size_t)n < sizeof(inner.section));
	return inner;
}

struct conf_scope conf_scope_item(const char *list, size_t i, const struct conf_node *item)
{
	const struct conf_node *name = conf_node_get(item, "name");
	struct conf_scope scope = {0};
	char quoted[CONF_QUOTED] = "";

	if (name != NULL && name->kind == CONF_NODE_SCALAR && name->text[0] != '\0')
		conf_quote(name->text, quoted);
	snprintf(scope.section, sizeof(scope.section), "%s[]", list);
	snprintf(scope.entry, sizeof(scope.entry), "%s[%zu]%s%s", list, i + 1,
		quoted[0] != '\0' ? " " : "", quoted);
	return scope;
}

const struct conf_key *conf_key_find(const char *section, const char *name)
{
	const struct conf_key *found = NULL;

	for (size_t i = 0; found == NULL && i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) != 0)
			continue;
		if (conf_keys[i].type == CONF_ACTION)
			found = conf_key_find(conf_keys[i].rows, name);
		else if (strcmp(conf_keys[i].name, name) == 0)
			found = &conf_keys[i];
	}
	return found;
}
