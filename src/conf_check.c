#include "conf_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct item {
	struct conf_reader *reader;
	const struct conf_node *node; /* NULL: it stands nowhere */
	struct conf_scope scope;
};

/* The i-th source or hook as it stands in the file. */
static struct item item_at(
	struct conf_reader *r, const struct conf_node *root, const char *list, size_t i)
{
	const struct conf_node *items = conf_node_get(root, list);
	struct item item = {.reader = r};

	if (items != NULL && i < items->count)
		item.node = items->entries[i].value;
	item.scope = conf_scope_item(list, i, item.node);
	return item;
}

/* The place of a key's value, or of the section when the key is not in it. */
static struct conf_place place_of(const struct conf_node *section, const char *key)
{
	const struct conf_node *value = conf_node_get(section, key);

	if (value != NULL)
		return value->at;
	return section != NULL ? section->at : (struct conf_place){0};
}

static bool same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void check_source(struct conf_reader *r, const struct conf_node *root, size_t i)
{
	const struct conf_source *sources = r->conf->sources, *s = &sources[i];
	const struct item item = item_at(r, root, "sources", i);
	bool name_seen = false, path_seen = false;

	for (size_t k = 0; k < i; k++) {
		if (!name_seen && same(sources[k].name, s->name)) {
			name_seen = true;
			conf_complain(r, &item.scope, "name", place_of(item.node, "name"),
				"sources[%zu] has that name: expected one of its own", k + 1);
		}
		if (!path_seen && same(sources[k].path, s->path)) {
			path_seen = true;
			conf_complain(r, &item.scope, "path", place_of(item.node, "path"),
				"sources[%zu] has that path: expected one of its own", k + 1);
		}
	}
}

static void check_retry(const struct item *item, const struct conf_hook *hook)
{
	const struct conf_node *retry = conf_node_get(item->node, "retry");
	const char *key = conf_node_get(retry, "max") != NULL ? "retry.max" : "retry.first";

	if (hook->retry.max >= hook->retry.first)
		return;
	conf_complain(item->reader, &item->scope, key, place_of(retry, key + strlen("retry.")),
		"max is shorter than first: expected a max (default 1h) of at least first "
		"(default 10s)");
}

static void check_directory(const struct item *item, const struct conf_hook *hook)
{
	const struct conf_node *node = conf_node_get(item->node, "directory");
	char quoted[CONF_QUOTED];
	struct stat st;
	int error = 0;

	if (hook->directory == NULL)
		return;
	if (stat(hook->directory, &st) < 0)
		error = errno;
	else if (!S_ISDIR(st.st_mode))
		error = ENOTDIR;
	/* as written: the environment's part is not shown */
	if (error != 0)
		conf_complain(item->reader, &item->scope, "directory",
			place_of(item->node, "directory"), "%s: %s: expected a directory",
			conf_quote(node != NULL ? node->text : hook->directory, quoted),
			strerror(error));
}

static void check_hook(struct conf_reader *r, const struct conf_node *root, size_t i)
{
	struct conf_hook *hooks = r->conf->hooks, *hook = &hooks[i];
	const struct item item = item_at(r, root, "hooks", i);

	/* what is no mapping has been complained about, and has no keys to check */
	if (item.node == NULL || item.node->kind != CONF_NODE_MAPPING)
		return;
	for (size_t k = 0; k < i; k++)
		if (same(hooks[k].name, hook->name)) {
			conf_complain(r, &item.scope, "name", place_of(item.node, "name"),
				"hooks[%zu] has that name: expected one of its own", k + 1);
			break;
		}
	if (conf_node_get(item.node, "run") == NULL)
		conf_complain(
			r, &item.scope, NULL, item.node->at, "hook has no action: give it \"run\"");
	check_retry(&item, hook);
	check_directory(&item, hook);
	if (!conf_complete_env(hook))
		r->errors.no_memory = true;
}

/* What is wrong with a file that TLS is to read; NULL: nothing. */
static const char *file_fault(const char *path, bool secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *fault = NULL;
	struct stat st;

	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, &st) < 0)
		fault = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		fault = "is no regular file";
	else if (secret && (st.st_mode & 07) != 0)
		fault = "can be accessed by others (expected mode 0640 or less)";
	close(fd);
	return fault;
}

static void check_tls_file(struct conf_reader *r, const struct conf_node *root, const char *key,
	const char *path, bool secret)
{
	const struct conf_node *tls = conf_node_get(root, "tls"), *node = conf_node_get(tls, key);
	const struct conf_scope scope = {.section = "tls"};
	const char *fault = path != NULL ? file_fault(path, secret) : NULL;
	char quoted[CONF_QUOTED];

	if (fault != NULL)
		conf_complain(r, &scope, key, place_of(tls, key), "%s: %s: expected a PEM file",
			conf_quote(node != NULL ? node->text : path, quoted), fault);
}

void conf_check(struct conf_reader *r, const struct conf_node *root)
{
	const struct conf_node *hooks = conf_node_get(root, "hooks");
	struct conf_place at = place_of(root, "hooks");
	struct buf warning = {0};

	for (size_t i = 0; i < r->conf->source_count; i++)
		check_source(r, root, i);
	for (size_t i = 0; i < r->conf->hook_count; i++)
		check_hook(r, root, i);
	check_tls_file(r, root, "certificate", r->conf->tls.certificate, false);
	check_tls_file(r, root, "key", r->conf->tls.key, true);
	if (root->kind != CONF_NODE_MAPPING ||
		(hooks != NULL && !conf_node_is_nothing(hooks) &&
			(hooks->kind != CONF_NODE_LIST || hooks->count > 0)))
		return;
	buf_add_text(&warning, "warning: hooks: there is none: events are stored, nothing runs");
	conf_errors_take(&r->errors, at, CONF_WARNING, &warning);
}
