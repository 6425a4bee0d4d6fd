#include "read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_section(struct conf_reader *r, const struct conf_scope *scope,
	const struct conf_node *node, void *base);

static bool read_mapping(const struct conf_value *v)
{
	struct conf_scope inner = conf_scope_inner(v->scope, v->key->name, v->key->rows);
	bool nothing = conf_node_is_nothing(v->node);

	if (v->node->kind != CONF_NODE_MAPPING && !nothing) {
		conf_refuse_kind(v);
		return false;
	}
	read_section(v->reader, &inner, v->node, v->target);
	return true;
}

/* A list of sections, each read into its own struct. An item that is not a mapping still
 * has its struct, so that positions agree. */
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
				"expected a mapping with a \"name\", found %s",
				conf_node_found(node));
		else
			read_section(v->reader, &inner, node, (char *)items + i * v->key->size);
	}
	return true;
}

/* An address to listen on, or a mapping with it. */
static void read_listen_item(const struct conf_value *v, struct conf_listen *listen)
{
	struct conf_value address = *v;
	struct conf_scope scope = v->item > 0
					  ? conf_scope_item(v->key->name, v->item - 1, v->node)
					  : conf_scope_inner(v->scope, v->key->name, "listen[]");

	address.target = listen;
	if (v->node->kind == CONF_NODE_MAPPING)
		read_section(v->reader, &scope, v->node, listen);
	else
		(void)conf_read_listener(&address);
}

/* One mapping alone counts as a list of it, as one address does. */
static bool read_listen(const struct conf_value *v)
{
	bool mapping = v->node->kind == CONF_NODE_MAPPING;
	void *items = mapping ? calloc(1, sizeof(struct conf_listen)) : NULL;
	size_t count = 1;

	if (mapping && items == NULL)
		v->reader->errors.no_memory = true;
	if (mapping ? items == NULL
		    : !conf_list_open(v, true, sizeof(struct conf_listen), &items, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);

		read_listen_item(&item, (struct conf_listen *)items + i);
	}
	return conf_listen_store(v, items, count);
}

static conf_value_reader *const readers[] = {
	[CONF_NAME] = conf_read_name,
	[CONF_TEXT] = conf_read_text,
	[CONF_PATH] = conf_read_path,
	[CONF_URL_PATH] = conf_read_url_path,
	[CONF_BOOL] = conf_read_bool,
	[CONF_COUNT] = conf_read_count,
	[CONF_SIZE] = conf_read_size,
	[CONF_DURATION] = conf_read_duration,
	[CONF_TIME_OF_DAY] = conf_read_time_of_day,
	[CONF_TIMEZONE] = conf_read_timezone,
	[CONF_CHOICE] = conf_read_choice,
	[CONF_WORD] = conf_read_word,
	[CONF_SCHEME] = conf_read_scheme,
	[CONF_USER] = conf_read_user,
	[CONF_LISTEN] = read_listen,
	[CONF_LISTENER] = conf_read_listener,
	[CONF_NETS] = conf_read_nets,
	[CONF_SECRET] = conf_read_secret,
	[CONF_SECRETS] = conf_read_secrets,
	[CONF_GLOBS] = conf_read_globs,
	[CONF_MEMBERS] = conf_read_members,
	[CONF_RUN] = conf_read_run,
	[CONF_COMMAND] = conf_read_command,
	[CONF_CODES] = conf_read_codes,
	[CONF_REF] = conf_read_ref,
	[CONF_REFS] = conf_read_refs,
	[CONF_RLIMIT] = conf_read_rlimit,
	[CONF_TEMPLATE] = conf_read_template,
	[CONF_URL] = conf_read_url,
	[CONF_ADDRESS] = conf_read_address,
	[CONF_ADDRESSES] = conf_read_addresses,
	[CONF_BODY] = conf_read_body,
	[CONF_BODY_FILE] = conf_read_body_file,
	[CONF_HTML] = conf_read_html,
	[CONF_HTML_FILE] = conf_read_html_file,
	[CONF_ENV] = conf_read_env,
	[CONF_HEADERS] = conf_read_headers,
	[CONF_MAIL_SERVER] = conf_read_mail_server,
	[CONF_HOSTNAME] = conf_read_hostname,
	[CONF_MAILBOX] = conf_read_mailbox,
	[CONF_WHEN] = conf_read_when,
	[CONF_MAPPING] = read_mapping,
	[CONF_LIST] = read_list,
};

/* A default is read like a value, so it has to be a valid one. A missing section gets
 * the defaults of its keys. */
static void read_default(const struct conf_value *v)
{
	struct conf_node node = {.kind = CONF_NODE_SCALAR, .plain = true};
	struct conf_value fallback = *v;
	struct conf_scope inner;
	char text[64];

	if (v->key->type == CONF_MAPPING) {
		inner = conf_scope_inner(v->scope, v->key->name, v->key->rows);
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

static void guess_key(struct conf_guess *guess, const char *section)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) != 0)
			continue;
		if (conf_keys[i].type == CONF_ACTION)
			guess_key(guess, conf_keys[i].rows);
		else
			conf_guess_try(guess, conf_keys[i].name);
	}
}

/* ", name, source": the keys of a section. */
static void list_keys(const char *section, struct buf *out)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) != 0)
			continue;
		if (conf_keys[i].type == CONF_ACTION)
			list_keys(conf_keys[i].rows, out);
		else
			buf_printf(out, "%s%s", out->len > 0 ? ", " : "", conf_keys[i].name);
	}
}

static void refuse_unknown(
	struct conf_reader *r, const struct conf_scope *scope, const struct conf_entry *entry)
{
	struct conf_guess guess = {.word = entry->key};
	char quoted[CONF_QUOTED], meant[CONF_GUESS];
	struct buf keys = {0};

	guess_key(&guess, scope->section);
	list_keys(scope->section, &keys);
	if (guess.best == NULL && keys.data != NULL)
		conf_complain(r, scope, NULL, entry->at, "unknown key %s: expected one of %s",
			conf_quote(entry->key, quoted), keys.data);
	else
		conf_complain(r, scope, NULL, entry->at, "unknown key %s%s",
			conf_quote(entry->key, quoted), conf_guess_text(&guess, meant));
	buf_free(&keys);
}

static void refuse_strange_keys(
	struct conf_reader *r, const struct conf_scope *scope, const struct conf_node *node)
{
	char quoted[CONF_QUOTED];

	for (size_t i = 0; i < node->count; i++) {
		const struct conf_entry *entry = &node->entries[i];

		if (entry->first_line != 0)
			conf_complain(r, scope, NULL, entry->at,
				"duplicate key %s: it is already in line %u",
				conf_quote(entry->key, quoted), entry->first_line);
		else if (conf_key_find(scope->section, entry->key) == NULL)
			refuse_unknown(r, scope, entry);
	}
}

/* Reads the keys in the rows of a section, which may be a part of the scope's section. */
static void read_rows(struct conf_reader *r, const struct conf_scope *scope, const char *section,
	const struct conf_node *node, void *base)
{
	char expected[CONF_EXPECTED];

	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		struct conf_value v = {.reader = r, .scope = scope, .key = key, .target = base};
		struct conf_scope part;

		if (strcmp(key->section, section) != 0)
			continue;
		if (key->type != CONF_RLIMIT)
			v.target = (char *)base + key->offset;
		if (key->type == CONF_ACTION) {
			part = *scope;
			snprintf(part.section, sizeof(part.section), "%s", key->rows);
			read_rows(r, &part, key->rows, node, v.target);
			continue;
		}
		v.node = conf_node_get(node, key->name);
		if (v.node == NULL && key->required && node != NULL)
			conf_complain(r, scope, NULL, node->at, "\"%s\" is missing: expected %s",
				key->name, conf_expected(key, expected));
		if (v.node == NULL || !readers[key->type](&v))
			read_default(&v);
		else if (key->type != CONF_RLIMIT)
			conf_note_written(&v, v.target);
	}
}

/* Reads the keys of a section into base. node: its mapping, or an empty value, or NULL
 * if the file does not have it; then no key is required. */
static void read_section(struct conf_reader *r, const struct conf_scope *scope,
	const struct conf_node *node, void *base)
{
	if (node != NULL)
		refuse_strange_keys(r, scope, node);
	read_rows(r, scope, scope->section, node, base);
}

void conf_read(struct conf_reader *r, struct conf_node *root)
{
	struct conf_scope scope = {0};

	if (root->kind != CONF_NODE_MAPPING)
		conf_complain(r, &scope, NULL, root->at,
			"expected a mapping with \"sources\", found %s", conf_node_found(root));
	else
		read_section(r, &scope, root, r->conf);
}
