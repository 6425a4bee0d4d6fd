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

/* A key of the sender's API, or a secret with blanks in it, signs nothing. */
static void check_secret(
	const struct conf_value *v, const struct sender *sender, const struct secret *secret)
{
	if (secret_starts_with(secret, sender->api_key) ||
		secret_starts_with(secret, sender->public_key))
		conf_refuse(v,
			"is a key of %s's API (%s, %s): expected the webhook's secret, which "
			"begins with %s or %s",
			sender->title, sender->api_key, sender->public_key, sender->modes[0].prefix,
			sender->modes[1].prefix);
	else if (sender_mode_of(secret) != NULL &&
		 memchr(secret_bytes(secret), ' ', secret_len(secret)) != NULL)
		conf_refuse(v, "has a blank in it: expected the webhook's secret alone");
}

static void check_secrets(const struct conf_section *item, const struct conf_source *s)
{
	for (size_t i = 0; s->sender != NULL && i < s->secret_count; i++) {
		const struct conf_value v = conf_section_value(item, "secrets", i);

		check_secret(&v, s->sender, s->secrets[i]);
	}
}

static void check_source(struct conf_reader *r, size_t i)
{
	struct conf_source *sources = r->conf->sources, *s = &sources[i];
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
	check_secrets(&item, s);
	if (conf_section_has(&item, "api"))
		conf_check_api(&item, s);
}

static void check_retry(const struct conf_section *section, const struct conf_action *action)
{
	const struct conf_section retry = conf_section_inner(section, "retry");

	if (action->retry.max < action->retry.first)
		conf_section_complain(&retry, conf_section_has(&retry, "max") ? "max" : "first",
			"max is shorter than first: expected a max (default 2h) of at least first "
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
		const char *kinds;
	} keys[] = {{"allow_dash", "run"}, {"user", "run"}, {"env", "run"}, {"directory", "run"},
		{"rlimits", "run"}, {"give_up_on", "run forward"}, {"retry_on", "run forward"},
		{"kill_after", "run"}, {"output", "run forward"}, {"hold", "email forward"}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (conf_section_has(section, keys[i].key) && strstr(keys[i].kinds, kind) == NULL)
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
	if (kind != NULL && strcmp(kind, "email") != 0)
		conf_check_codes(section, action, strcmp(kind, "forward") == 0);
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

static bool is_state(const struct lifecycle_state *states, const char *word)
{
	for (; states->name != NULL; states++)
		if (strcmp(states->name, word) == 0)
			return true;
	return false;
}

static void check_confirm(const struct conf_section *item, const struct conf_hook *hook)
{
	const char *first = hook->confirm_count > 0 ? hook->confirm[0] : "";
	bool off = hook->confirm_count == 1 && strcmp(first, "false") == 0;
	bool on = hook->confirm_count == 1 && strcmp(first, "true") == 0;

	if (hook->source == NULL || hook->source->sender == NULL || off)
		return;
	if (hook->confirm_count > 0 && hook->source->api.key == NULL)
		conf_section_complain(
			item, "confirm", "needs \"api\" in the source \"%s\"", hook->source->name);
	for (size_t i = 0; i < hook->confirm_count && !on; i++)
		if (!is_state(hook->source->sender->states, hook->confirm[i])) {
			conf_section_complain(item, "confirm",
				"expected true, false, or states of %s such as approved",
				hook->source->sender->title);
			break;
		}
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
	if (hook->once == CONF_ONCE_ENTITY)
		hook->order = CONF_ORDER_ENTITY;
	if (hook->skip_stale && hook->order == CONF_ORDER_NONE)
		conf_section_complain(&item, "skip_stale", "needs \"order: entity\" with it");
	check_confirm(&item, hook);
	conf_check_action(&item, &hook->own, CONF_OF_HOOK);
	check_inner_action(&item, "on_failure", &hook->own_failure, CONF_OF_FAILURE);
	if (hook->source != NULL && hook->source->sender != NULL && hook->on != NULL)
		conf_check_meaning(&item, hook);
}

static size_t hooks_of(const struct conf *conf, const struct conf_source *source)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->hook_count; i++)
		n += conf->hooks[i].source == source;
	return n;
}

/* Warns of a source whose events nothing is done with. */
static void warn_of_useless_sources(struct conf_reader *r)
{
	/* one whose source is wrong may be meant for it */
	if (r->conf->hook_count == 0 || hooks_of(r->conf, NULL) > 0)
		return;
	for (size_t i = 0; i < r->conf->source_count; i++) {
		const struct conf_section item = item_at(r, "sources", i);

		if (r->conf->sources[i].name != NULL &&
			hooks_of(r->conf, &r->conf->sources[i]) == 0)
			conf_section_caution(&item, "name",
				"no hook takes its events: they are stored, but nothing runs");
	}
}

/* The i-th entry of `listen`, which may be a mapping by itself. */
static struct conf_section listener_at(struct conf_reader *r, size_t i)
{
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_section listen = conf_section_inner(&top, "listen");

	return listen.node != NULL && listen.node->kind == CONF_NODE_LIST ? item_at(r, "listen", i)
									  : listen;
}

/* Who may name clients? A Unix socket's mode says it, otherwise trusted_proxies. */
static void check_listeners(struct conf_reader *r)
{
	const struct conf_node *trusted = conf_node_get(r->root, "trusted_proxies");

	if (trusted != NULL && trusted->count > 0)
		return;
	for (size_t i = 0; i < r->conf->listen_count; i++) {
		const struct conf_listen *listen = &r->conf->listen[i];
		const struct conf_section section = listener_at(r, i);

		if (listen->proxy_protocol && listen->unix_path == NULL)
			conf_section_complain(&section, "proxy_protocol",
				"needs \"trusted_proxies\": expected the balancer's addresses "
				"there");
	}
}

/* Warns if an event can have more deliveries than may wait. */
static void warn_of_small_backlog(struct conf_reader *r)
{
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_section limits = conf_section_inner(&top, "limits");
	unsigned backlog = r->conf->limits.backlog;

	for (size_t i = 0; i < r->conf->source_count && r->conf->hook_count > backlog; i++) {
		size_t hooks = hooks_of(r->conf, &r->conf->sources[i]);
		if (hooks > backlog)
			conf_section_caution(&limits, "backlog",
				"%u is less than the %zu deliveries that an event of source \"%s\" "
				"can have: such an event is taken only while none waits",
				backlog, hooks, r->conf->sources[i].name);
	}
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

static void check_files(struct conf_reader *r)
{
	static const char *const sections[] = {"on_failure", "digest", "silence", "alert"};
	const struct conf_section top = {.reader = r, .node = r->root};

	conf_check_top_files(&top);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const struct conf_section action = conf_section_inner(&top, sections[i]);
		conf_check_action_files(&action);
	}
	for (size_t i = 0; i < r->conf->hook_count; i++) {
		const struct conf_section hook = item_at(r, "hooks", i);
		const struct conf_section failure = conf_section_inner(&hook, "on_failure");
		conf_check_action_files(&hook);
		conf_check_action_files(&failure);
	}
}

/* One body alone may have half of what all may have: src/http/body.h. */
static void check_bodies(const struct conf_section *limits, struct conf_limits *values)
{
	size_t least = 2 * values->body;

	if (values->bodies >= least)
		return;
	if (!conf_section_has(limits, "bodies"))
		values->bodies = least;
	else
		conf_section_complain(limits, "bodies",
			"is less than twice limits.body: expected at least %zu KiB",
			(least + 1023) / 1024);
}

void conf_check(struct conf_reader *r)
{
	const struct conf_section top = {.reader = r, .node = r->root};
	const struct conf_section tls = conf_section_inner(&top, "tls");
	const struct conf_section limits = conf_section_inner(&top, "limits");
	const struct conf_section on_failure = conf_section_inner(&top, "on_failure");

	note_credentials(r);
	check_listeners(r);
	check_bodies(&limits, &r->conf->limits);
	conf_check_mail_server(r);
	for (size_t i = 0; i < r->conf->source_count; i++)
		check_source(r, i);
	check_inner_action(&top, "on_failure", &r->conf->on_failure, CONF_OF_FAILURE);
	if (on_failure.node != NULL)
		conf_check_failure_meaning(&on_failure, &r->conf->on_failure);
	check_inner_action(&top, "digest", &r->conf->digest.action, CONF_OF_DIGEST);
	check_inner_action(&top, "silence", &r->conf->silence.action, CONF_OF_SILENCE);
	check_inner_action(&top, "alert", &r->conf->alert.action, CONF_OF_ALERT);
	for (size_t i = 0; i < r->conf->hook_count; i++)
		check_hook(r, i);
	conf_check_file(&tls, "certificate", r->conf->tls.certificate, false);
	conf_check_file(&tls, "key", r->conf->tls.key, true);
	check_files(r);
	warn_of_no_hooks(r);
	warn_of_useless_sources(r);
	warn_of_small_backlog(r);
}
