#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The i-th source or hook of the file. */
static struct conf_section item_at(struct conf_reader *r, const char *list, size_t i)
{
	const struct conf_node *items = conf_node_get(r->root, list);
	struct conf_section item = {.reader = r};

	if (items != NULL && i < items->count)
		item.node = items->entries[i].value;
	item.scope = conf_scope_item(list, i, item.node);
	return item;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void check_source(struct conf_reader *r, size_t i)
{
	const struct conf_source *sources = r->conf->sources, *s = &sources[i];
	const struct conf_section item = item_at(r, "sources", i);
	bool name_seen = false, path_seen = false;

	if (same(s->name, CONF_OWN_SOURCE))
		conf_section_complain(
			&item, "name", "is reserved for hookd's own events: expected another");
	for (size_t k = 0; k < i; k++) {
		if (!name_seen && same(sources[k].name, s->name)) {
			name_seen = true;
			conf_section_complain(&item, "name",
				"sources[%zu] has that name: expected a unique one", k + 1);
		}
		if (!path_seen && same(sources[k].path, s->path)) {
			path_seen = true;
			conf_section_complain(&item, "path",
				"sources[%zu] has that path: expected a unique one", k + 1);
		}
	}
}

static void check_retry(const struct conf_section *section, const struct conf_action *action)
{
	const struct conf_section retry = conf_section_inner(section, "retry");

	if (action->retry.max < action->retry.first)
		conf_section_complain(&retry, conf_section_has(&retry, "max") ? "max" : "first",
			"max is shorter than first: expected a max (default 1h) of at least first "
			"(default 10s)");
}

static void check_directory(const struct conf_section *section, const struct conf_action *action)
{
	const struct conf_node *node = conf_node_get(section->node, "directory");
	char quoted[CONF_QUOTED];
	struct stat st;
	int error = 0;

	if (action->directory == NULL)
		return;
	if (stat(action->directory, &st) < 0)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		error = ENOTDIR;
	/* as written, since the environment's value may be secret */
	if (error != 0)
		conf_section_complain(section, "directory", "%s: %s: expected a directory",
			conf_quote(
				node != NULL && node->text != NULL ? node->text : action->directory,
				quoted),
			strerror(error));
}

static const char *const kinds[] = {"run", "email", "forward"};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The one kind of action that a section has; NULL: none or two, reported. */
static const char *kind_of(const struct conf_section *section)
{
	static const char expected[] = "expected exactly one of \"run\", \"email\" and \"forward\"";
	const char *kind = NULL;

	for (size_t i = 0; i < KINDS; i++) {
		if (!conf_section_has(section, kinds[i]))
			continue;
		if (kind != NULL) {
			conf_complain(section->reader, &section->scope, NULL,
				conf_section_place(section, kinds[i]), "has \"%s\" and \"%s\": %s",
				kind, kinds[i], expected);
			return NULL;
		}
		kind = kinds[i];
	}
	if (kind == NULL)
		conf_section_complain(section, NULL, "has no action: %s", expected);
	return kind;
}

/* Warns of keys that only some kinds of action use. */
static void warn_of_useless_keys(const struct conf_section *section, const char *kind)
{
	static const struct {
		const char *key;
		bool forward;
	} keys[] = {{"allow_dash", false}, {"user", false}, {"env", false}, {"directory", false},
		{"rlimits", false}, {"give_up_on", false}, {"kill_after", false}, {"output", true}};

	if (strcmp(kind, "run") == 0)
		return;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (conf_section_has(section, keys[i].key) &&
			!(keys[i].forward && strcmp(kind, "forward") == 0))
			conf_section_caution(
				section, keys[i].key, "has no effect with \"%s\"", kind);
}

void conf_check_action(
	const struct conf_section *section, struct conf_action *action, enum conf_action_of of)
{
	const char *kind = kind_of(section);
	struct conf_section inner;

	if (kind != NULL)
		warn_of_useless_keys(section, kind);
	check_retry(section, action);
	check_directory(section, action);
	if (conf_section_has(section, "email")) {
		inner = conf_section_inner(section, "email");
		conf_check_email(&inner, &action->email, of);
	}
	if (conf_section_has(section, "forward")) {
		inner = conf_section_inner(section, "forward");
		conf_check_forward(&inner, &action->forward);
	}
}

/* An action that is a section of its own, if the section exists. */
static void check_inner_action(const struct conf_section *section, const char *name,
	struct conf_action *action, enum conf_action_of of)
{
	const struct conf_section inner = conf_section_inner(section, name);

	if (inner.node != NULL && inner.node->kind == CONF_NODE_MAPPING)
		conf_check_action(&inner, action, of);
}

static void check_hook(struct conf_reader *r, size_t i)
{
	struct conf_hook *hooks = r->conf->hooks, *hook = &hooks[i];
	const struct conf_section item = item_at(r, "hooks", i);

	/* a node that is not a mapping has been reported, and has no keys to check */
	if (item.node == NULL || item.node->kind != CONF_NODE_MAPPING)
		return;
	for (size_t k = 0; k < i; k++)
		if (same(hooks[k].name, hook->name)) {
			conf_section_complain(&item, "name",
				"hooks[%zu] has that name: expected a unique one", k + 1);
			break;
		}
	if (hook->skip_stale && hook->order == CONF_ORDER_NONE)
		conf_section_complain(&item, "skip_stale", "needs \"order: entity\" with it");
	conf_check_action(&item, &hook->own, CONF_OF_HOOK);
	check_inner_action(&item, "on_failure", &hook->own_failure, CONF_OF_FAILURE);
}

static void warn_of_no_hooks(struct conf_reader *r)
{
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_node *hooks = conf_node_get(r->root, "hooks");

	if (r->root->kind == CONF_NODE_MAPPING &&
		(hooks == NULL || conf_node_is_nothing(hooks) ||
			(hooks->kind == CONF_NODE_LIST && hooks->count == 0)))
		conf_section_caution(
			&top, "hooks", "there are none: events are stored, but nothing runs");
}

/* Every file in it is a secret, whether the config names it or not. */
static void note_credentials(struct conf_reader *r)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");

	if (directory != NULL && directory[0] == '/')
		conf_note_secret_file(r, directory);
}

void conf_check(struct conf_reader *r)
{
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_section tls = conf_section_inner(&top, "tls");

	note_credentials(r);
	conf_check_mail_server(r);
	for (size_t i = 0; i < r->conf->source_count; i++)
		check_source(r, i);
	check_inner_action(&top, "on_failure", &r->conf->on_failure, CONF_OF_FAILURE);
	check_inner_action(&top, "digest", &r->conf->digest.action, CONF_OF_DIGEST);
	check_inner_action(&top, "silence", &r->conf->silence.action, CONF_OF_SILENCE);
	for (size_t i = 0; i < r->conf->hook_count; i++)
		check_hook(r, i);
	conf_check_file(&tls, "certificate", r->conf->tls.certificate, false);
	conf_check_file(&tls, "key", r->conf->tls.key, true);
	warn_of_no_hooks(r);
}
