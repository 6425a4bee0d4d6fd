#include "conf_read.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_section(struct conf_reader *r, const struct conf_scope *scope,
	const struct conf_node *node, void *base);

/* "retry.max" of the key "max" in "hooks[].retry": the entry is named apart. */
static void add_path(struct buf *text, const struct conf_scope *scope, const char *key)
{
	const char *section = strstr(scope->section, "[]");

	section = section == NULL ? scope->section : section[2] == '.' ? section + 3 : "";
	if (scope->entry[0] != '\0')
		buf_printf(text, "%s: ", scope->entry);
	buf_add_text(text, section);
	if (section[0] != '\0')
		buf_add_text(text, key != NULL ? "." : ": ");
	if (key != NULL)
		buf_add_text(text, key);
}

void conf_complain(struct conf_reader *r, const struct conf_scope *scope, const char *key,
	struct conf_place at, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	add_path(&text, scope, key);
	if (key != NULL)
		buf_add_text(&text, ": ");
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	conf_errors_take(&r->errors, at, CONF_ERROR, &text);
}

static void complain(const struct conf_value *v, enum conf_severity severity, const char *format,
	va_list args) PRINTF(3, 0);

static void complain(
	const struct conf_value *v, enum conf_severity severity, const char *format, va_list args)
{
	struct buf text = {0};

	if (severity == CONF_WARNING)
		buf_add_text(&text, "warning: ");
	add_path(&text, v->scope, v->key->name);
	if (v->item > 0)
		buf_printf(&text, "[%zu]", v->item);
	buf_add_text(&text, ": ");
	buf_vprintf(&text, format, args);
	conf_errors_take(&v->reader->errors, v->node->at, severity, &text);
}

void conf_refuse(const struct conf_value *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(v, CONF_ERROR, format, args);
	va_end(args);
}

void conf_warn(const struct conf_value *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(v, CONF_WARNING, format, args);
	va_end(args);
}

static const char *found(const struct conf_node *node)
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

	conf_refuse(v, "expected %s, found %s",
		v->item > 0 ? "a single value that is not empty" : conf_expected(v->key, expected),
		found(v->node));
}

struct conf_value conf_value_item(const struct conf_value *v, size_t index)
{
	struct conf_value item = *v;

	if (v->node->kind == CONF_NODE_LIST) {
		item.node = v->node->entries[index].value;
		item.item = index + 1;
	}
	return item;
}

bool conf_list_open(const struct conf_value *v, bool one, size_t size, void **items, size_t *count)
{
	const struct conf_node *node = v->node;
	bool single = one && node->kind == CONF_NODE_SCALAR && !conf_node_is_nothing(node);

	*items = NULL;
	*count = single ? 1 : node->count;
	if (!single && node->kind != CONF_NODE_LIST) {
		conf_refuse_kind(v);
		return false;
	}
	if (*count < (size_t)v->key->min) {
		conf_refuse_kind(v);
		return false;
	}
	if (*count > (size_t)v->key->max) {
		conf_refuse(v, "has %zu items: expected at most %lld", *count, v->key->max);
		return false;
	}
	/* one more: some arrays end with NULL */
	*items = calloc(*count + 1, size);
	if (*items == NULL) {
		v->reader->errors.no_memory = true;
		return false;
	}
	return true;
}

void conf_list_store(const struct conf_value *v, void *items, size_t count)
{
	char *target = v->target;

	memcpy(target, &items, sizeof(items));
	memcpy(target + sizeof(items), &count, sizeof(count));
}

static struct conf_scope inner_scope(const struct conf_scope *scope, const char *name)
{
	struct conf_scope inner = *scope;
	int n = snprintf(inner.section, sizeof(inner.section), "%s%s%s", scope->section,
		scope->section[0] != '\0' ? "." : "", name);

	assert(n > 0 && (size_t)n < sizeof(inner.section)); /* all are in the table */
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

static bool read_mapping(const struct conf_value *v)
{
	struct conf_scope inner = inner_scope(v->scope, v->key->name);
	bool nothing = conf_node_is_nothing(v->node);

	if (v->node->kind != CONF_NODE_MAPPING && !nothing) {
		conf_refuse_kind(v);
		return false;
	}
	read_section(v->reader, &inner, v->node, v->target);
	return true;
}

/* A list of sections, each read into its own struct. An item that is no mapping
 * still has its place, so that positions and structs go together. */
static bool read_list(const struct conf_value *v)
{
	void *items;
	size_t count = 0;

	if (conf_node_is_nothing(v->node) && v->key->min == 0)
		return true;
	if (!conf_list_open(v, false, v->key->size, &items, &count))
		return false;
	conf_list_store(v, items, count);
	for (size_t i = 0; i < count; i++) {
		struct conf_node *node = v->node->entries[i].value;
		struct conf_scope inner = conf_scope_item(v->key->name, i, node);

		if (node->kind != CONF_NODE_MAPPING)
			conf_complain(v->reader, &inner, NULL, node->at,
				"expected a mapping with a \"name\", found %s", found(node));
		else
			read_section(v->reader, &inner, node, (char *)items + i * v->key->size);
	}
	return true;
}

static conf_value_reader *const readers[] = {
	[CONF_NAME] = conf_read_name,
	[CONF_PATH] = conf_read_path,
	[CONF_URL_PATH] = conf_read_url_path,
	[CONF_COUNT] = conf_read_count,
	[CONF_SIZE] = conf_read_size,
	[CONF_DURATION] = conf_read_duration,
	[CONF_LEVEL] = conf_read_level,
	[CONF_FORMAT] = conf_read_format,
	[CONF_SCHEME] = conf_read_scheme,
	[CONF_USER] = conf_read_user,
	[CONF_LISTEN] = conf_read_listen,
	[CONF_NETS] = conf_read_nets,
	[CONF_SECRETS] = conf_read_secrets,
	[CONF_GLOBS] = conf_read_globs,
	[CONF_ARGV] = conf_read_argv,
	[CONF_ENV] = conf_read_env,
	[CONF_CODES] = conf_read_codes,
	[CONF_REF] = conf_read_ref,
	[CONF_RLIMIT] = conf_read_rlimit,
	[CONF_MAPPING] = read_mapping,
	[CONF_LIST] = read_list,
};

/* A default goes the same way as a value, so that it can be no other. A section
 * that is not there has the defaults of its keys. */
static void read_default(const struct conf_value *v)
{
	struct conf_node node = {.kind = CONF_NODE_SCALAR, .plain = true};
	struct conf_value fallback = *v;
	struct conf_scope inner;
	char text[64];

	if (v->key->type == CONF_MAPPING) {
		inner = inner_scope(v->scope, v->key->name);
		read_section(v->reader, &inner, NULL, v->target);
		return;
	}
	if (v->key->fallback == NULL || v->key->fallback[0] == '\0')
		return;
	snprintf(text, sizeof(text), "%s", v->key->fallback);
	node.text = text;
	fallback.node = &node;
	(void)readers[v->key->type](&fallback);
	free(node.value);
}

static void refuse_unknown(
	struct conf_reader *r, const struct conf_scope *scope, const struct conf_entry *entry)
{
	struct conf_guess guess = {.word = entry->key};
	char quoted[CONF_QUOTED], meant[CONF_GUESS];

	for (size_t i = 0; i < conf_key_count; i++)
		if (strcmp(conf_keys[i].section, scope->section) == 0)
			conf_guess_try(&guess, conf_keys[i].name);
	conf_complain(r, scope, NULL, entry->at, "unknown key %s%s", conf_quote(entry->key, quoted),
		conf_guess_text(&guess, meant));
}

static const struct conf_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < conf_key_count; i++)
		if (strcmp(conf_keys[i].section, section) == 0 &&
			strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	return NULL;
}

static void refuse_strange_keys(
	struct conf_reader *r, const struct conf_scope *scope, const struct conf_node *node)
{
	char quoted[CONF_QUOTED];

	for (size_t i = 0; i < node->count; i++) {
		const struct conf_entry *entry = &node->entries[i];

		if (entry->first_line != 0)
			conf_complain(r, scope, NULL, entry->at,
				"duplicate key %s: expected it once, it stands in line %u already",
				conf_quote(entry->key, quoted), entry->first_line);
		else if (find_key(scope->section, entry->key) == NULL)
			refuse_unknown(r, scope, entry);
	}
}

/* Reads the keys of a section into base. node: its mapping, or nothing for an
 * empty one, or NULL when it is not there: then nothing is required of it. */
static void read_section(struct conf_reader *r, const struct conf_scope *scope,
	const struct conf_node *node, void *base)
{
	char expected[CONF_EXPECTED];

	if (node != NULL)
		refuse_strange_keys(r, scope, node);
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		struct conf_value v = {.reader = r, .scope = scope, .key = key, .target = base};

		if (strcmp(key->section, scope->section) != 0)
			continue;
		if (key->type != CONF_RLIMIT)
			v.target = (char *)base + key->offset;
		v.node = conf_node_get(node, key->name);
		if (v.node == NULL && key->required && node != NULL)
			conf_complain(r, scope, NULL, node->at, "\"%s\" is missing: expected %s",
				key->name, conf_expected(key, expected));
		if (v.node == NULL || !readers[key->type](&v))
			read_default(&v);
	}
}

void conf_read(struct conf_reader *r, struct conf_node *root)
{
	struct conf_scope scope = {0};

	if (root->kind != CONF_NODE_MAPPING)
		conf_complain(r, &scope, NULL, root->at,
			"expected a mapping with \"sources\", found %s", found(root));
	else
		read_section(r, &scope, root, r->conf);
}
