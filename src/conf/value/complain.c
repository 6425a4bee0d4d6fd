/* conf/value/complain.c - errors and warnings about a value or a key, with its place in the file.
 */
#include "conf/read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* `hooks[2] "ship": on_failure.email: ` and the key. */
static void add_path(struct buf *text, const struct conf_scope *scope, const char *key)
{
	if (scope->entry[0] != '\0')
		buf_printf(text, "%s: ", scope->entry);
	buf_add_text(text, scope->path);
	if (scope->path[0] != '\0')
		buf_add_text(text, key != NULL ? "." : ": ");
	if (key != NULL)
		buf_add_text(text, key);
}

static void add_message(struct conf_reader *r, enum conf_severity severity,
	const struct conf_scope *scope, const char *key, struct conf_place at, const char *format,
	va_list args) PRINTF(6, 0);

static void add_message(struct conf_reader *r, enum conf_severity severity,
	const struct conf_scope *scope, const char *key, struct conf_place at, const char *format,
	va_list args)
{
	struct buf text = {0};

	if (severity == CONF_WARNING)
		buf_add_text(&text, "warning: ");
	add_path(&text, scope, key);
	if (key != NULL)
		buf_add_text(&text, ": ");
	buf_vprintf(&text, format, args);
	conf_errors_take(&r->errors, at, severity, &text);
}

void conf_complain(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(r, CONF_ERROR, scope, key, at, format, args);
	va_end(args);
}

void conf_caution(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_message(r, CONF_WARNING, scope, key, at, format, args);
	va_end(args);
}

static void add_value_message(const struct conf_value *v, enum conf_severity severity,
	struct conf_place at, const char *format, va_list args) PRINTF(4, 0);

static void add_value_message(const struct conf_value *v, enum conf_severity severity,
	struct conf_place at, const char *format, va_list args)
{
	struct buf text = {0};
	char quoted[CONF_QUOTED];

	if (severity == CONF_WARNING)
		buf_add_text(&text, "warning: ");
	add_path(&text, v->scope, v->key->name);
	if (v->item > 0)
		buf_printf(&text, "[%zu]", v->item);
	buf_add_text(&text, ": ");
	if (v->name != NULL)
		buf_printf(&text, "%s: ", conf_quote(v->name, quoted));
	buf_vprintf(&text, format, args);
	conf_errors_take(&v->reader->errors, at, severity, &text);
}

void conf_refuse(const struct conf_value *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_value_message(v, CONF_ERROR, v->node->at, format, args);
	va_end(args);
}

void conf_refuse_at(const struct conf_value *v, struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_value_message(v, CONF_ERROR, at, format, args);
	va_end(args);
}

void conf_warn(const struct conf_value *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_value_message(v, CONF_WARNING, v->node->at, format, args);
	va_end(args);
}

void conf_warn_at(const struct conf_value *v, struct conf_place at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_value_message(v, CONF_WARNING, at, format, args);
	va_end(args);
}

bool conf_value_has_environment(const struct conf_value *v)
{
	return v->node->value != NULL && strcmp(v->node->value, v->node->text) != 0;
}

const char *conf_value_quote(const struct conf_value *v, char out[CONF_QUOTED])
{
	static const char behind[] = " (with the environment's value)";
	size_t len;

	assert(v->node->text != NULL);
	conf_quote(v->node->text, out);
	len = strlen(out);
	if (conf_value_has_environment(v) && len + sizeof(behind) <= CONF_QUOTED)
		memcpy(out + len, behind, sizeof(behind));
	return out;
}

const char *conf_node_found(const struct conf_node *node)
{
	if (conf_node_is_nothing(node))
		return "nothing";
	switch (node->kind) {
	case CONF_NODE_LIST:
		return node->count > 0 ? "a list" : "an empty list";
	case CONF_NODE_MAPPING:
		return "a mapping";
	case CONF_NODE_SCALAR:
		break;
	}
	return node->text[0] != '\0' ? "a single value" : "an empty text";
}

void conf_refuse_kind(const struct conf_value *v)
{
	char expected[CONF_EXPECTED];

	conf_refuse(v, "expected %s, found %s%s",
		v->item > 0 ? "a single value that is not empty" : conf_expected(v->key, expected),
		conf_node_found(v->node),
		v->item > 0 && v->node->kind == CONF_NODE_MAPPING
			? " (a text with a colon and a blank in it needs quotes)"
			: "");
}

bool conf_value_refuse(const struct conf_value *v, const char *what)
{
	char quoted[CONF_QUOTED], expected[CONF_EXPECTED];

	conf_refuse(v, "%s %s: expected %s", conf_value_quote(v, quoted), what,
		conf_expected(v->key, expected));
	return false;
}

void conf_refuse_fault(const struct conf_value *v, const struct fault *fault)
{
	struct conf_place at = conf_node_place(v->node, fault->at);

	if (conf_value_has_environment(v))
		conf_refuse(v, "is malformed at byte %zu, with the environment's value in it",
			fault->at + 1);
	else if (at.line != 0)
		conf_refuse_at(v, at, "%s", fault->what);
	else
		conf_refuse(v, "byte %zu: %s", fault->at + 1, fault->what);
}
