/* conf/check/section.c - a section and its place in the file, and what several checks need. */
#include "check.h"

#include "base/file.h"
#include "base/secret.h"

#include <stdio.h>
#include <unistd.h>

struct conf_section conf_section_inner(const struct conf_section *section, const char *name)
{
	const struct conf_key *key = conf_key_find(section->scope.section, name);
	struct conf_scope scope = section->scope;

	/* the row may belong to another section, as that of email in hooks[] */
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

	if (v.node == NULL || (v.node->kind == CONF_NODE_LIST && i >= v.node->count))
		return v;
	return conf_value_item(&v, i);
}

/* Adds an error or a warning at the place of a key. */
static void add_message(const struct conf_section *section, enum conf_severity severity,
	const char *key, const char *format, va_list args) PRINTF(4, 0);

static void add_message(const struct conf_section *section, enum conf_severity severity,
	const char *key, const char *format, va_list args)
{
	struct conf_place at = conf_section_place(section, key);
	struct buf text = {0};

	buf_vprintf(&text, format, args);
	if (!buf_ok(&text))
		section->reader->errors.no_memory = true;
	else if (severity == CONF_ERROR)
		conf_complain(section->reader, &section->scope, key, at, "%s", text.data);
	else
		conf_caution(section->reader, &section->scope, key, at, "%s", text.data);
	buf_free(&text);
}

void conf_section_complain(
	const struct conf_section *section, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(section, CONF_ERROR, key, format, args);
	va_end(args);
}

void conf_section_caution(
	const struct conf_section *section, const char *key, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(section, CONF_WARNING, key, format, args);
	va_end(args);
}

void conf_check_file(
	const struct conf_section *section, const char *key, const char *path, bool secret)
{
	const struct conf_node *node = conf_node_get(section->node, key);
	char quoted[CONF_QUOTED];
	const char *fault;
	struct stat st = {0};
	int fd;

	if (path == NULL || secret_is_assumed(path))
		return;
	fault = file_open(path, &fd, &st);
	if (fault == NULL) {
		close(fd);
		if (secret && (st.st_mode & 07) != 0)
			fault = "can be accessed by others (expected mode 0640 or less)";
		else if (secret)
			conf_note_secret_file(section->reader, path);
	}
	/* as written, since the environment's value may be secret */
	if (fault != NULL)
		conf_section_complain(section, key, "%s: %s: expected a PEM file",
			conf_quote(node != NULL && node->text != NULL ? node->text : path, quoted),
			fault);
}

bool conf_check_one_line(const struct conf_value *v, const struct template *t)
{
	const char *text = template_text(t);
	struct fault fault = {
		.what = "has a control character, such as a line end: expected one line"};

	for (; text[fault.at] != '\0'; fault.at++)
		if ((unsigned char)text[fault.at] < ' ' || text[fault.at] == 0x7f) {
			conf_refuse_fault(v, &fault);
			return false;
		}
	return true;
}
