#include "check.h"

#include <stdio.h>

struct conf_section conf_section_inner(const struct conf_section *section, const char *name)
{
	const struct conf_key *key = conf_key_find(section->scope.section, name);
	struct conf_scope scope = section->scope;

	/* the row may be another section's, as email is in hooks[] */
	snprintf(scope.section, sizeof(scope.section), "%s", key->section);
	return (struct conf_section){
		.reader = section->reader,
		.node = conf_node_get(section->node, name),
		.scope = conf_scope_inner(&scope, name, key->rows),
	};
}

bool conf_section_has(const struct conf_section *section, const char *key)
{
	return conf_node_get(section->node, key) != NULL;
}

struct conf_place conf_section_place(const struct conf_section *section, const char *key)
{
	const struct conf_node *value = key != NULL ? conf_node_get(section->node, key) : NULL;

	if (value != NULL)
		return value->at;
	return section->node != NULL ? section->node->at : (struct conf_place){0};
}

struct conf_value conf_section_value(const struct conf_section *section, const char *key, size_t i)
{
	struct conf_value v = {
		.reader = section->reader,
		.scope = &section->scope,
		.key = conf_key_find(section->scope.section, key),
		.node = conf_node_get(section->node, key),
	};

	return conf_value_item(&v, i);
}

void conf_section_complain(
	const struct conf_section *section, const char *key, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (buf_ok(&text))
		conf_complain(section->reader, &section->scope, key,
			conf_section_place(section, key), "%s", text.data);
	else
		section->reader->errors.no_memory = true;
	buf_free(&text);
}

void conf_section_caution(
	const struct conf_section *section, const char *key, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (buf_ok(&text))
		conf_caution(section->reader, &section->scope, key,
			conf_section_place(section, key), "%s", text.data);
	else
		section->reader->errors.no_memory = true;
	buf_free(&text);
}
