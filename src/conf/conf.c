#include "conf/conf.h"

#include "base/file.h"
#include "conf/check/check.h"
#include "conf/check/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic uint64_t last_number; /* of a config that was read */

struct conf *conf_ref(struct conf *conf)
{
	conf->references++;
	return conf;
}

void conf_unref(struct conf *conf)
{
	if (conf != NULL && --conf->references == 0)
		conf_free(conf);
}

/* The directory of `file`, absolute: scripts run with another working directory.
 * Returns new; NULL: errno is set. */
static char *directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	int len = slash != NULL ? (int)(slash - file) : 0;
	char *cwd = NULL, *directory = NULL;

	if (file[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL)
			return NULL;
	}
	if (asprintf(&directory, "%s%s%.*s", cwd != NULL ? cwd : "",
		    cwd != NULL && len > 0 ? "/" : "", len, file) < 0)
		directory = NULL;
	free(cwd);
	return directory;
}

/* Reads as much as possible; *good: there were no errors. NULL: nothing could be read. */
static struct conf *parse_bytes(
	const char *file, const void *bytes, size_t len, struct buf *errors, bool *good)
{
	struct conf_reader reader = {0};
	struct conf_node *root = NULL;
	char *directory = directory_of(file);
	struct conf *conf = calloc(1, sizeof(*conf));
	*good = false;
	if (conf == NULL || directory == NULL) {
		buf_printf(errors, "%s: cannot be read: %s\n", file, strerror(errno));
		free(conf);
		conf = NULL;
		goto out;
	}
	conf->references = 1;
	conf->number = ++last_number;
	conf->file = strdup(file);
	reader = (struct conf_reader){.conf = conf, .directory = directory};
	reader.errors.no_memory = conf->file == NULL;
	root = conf_yaml_parse(bytes, len, &reader.errors);
	if (root != NULL) {
		reader.root = root;
		conf_read(&reader, root);
		conf_check(&reader);
	}
	if (root != NULL && !conf_errors_fatal(&reader.errors))
		conf_derive(&reader);
	*good = root != NULL && !conf_errors_fatal(&reader.errors);
	conf_errors_write(&reader.errors, file, errors);
out:
	conf_known_free(reader.known);
	conf_errors_free(&reader.errors);
	conf_node_free(root);
	free(directory);
	return conf;
}

struct conf *conf_parse(const char *file, const void *bytes, size_t len, struct buf *errors)
{
	bool good;
	struct conf *conf = parse_bytes(file, bytes, len, errors, &good);

	if (good)
		return conf;
	conf_unref(conf);
	return NULL;
}

struct conf *conf_load(const char *file, struct buf *errors)
{
	struct buf bytes = {0};
	const char *fault = file_read(file, &bytes);
	struct conf *conf = NULL;

	if (fault != NULL)
		buf_printf(errors, "%s: cannot be read: %s\n", file, fault);
	else
		conf = conf_parse(file, bytes.data != NULL ? bytes.data : "", bytes.len, errors);
	buf_free(&bytes);
	return conf;
}

char *conf_store_path(const char *file, struct buf *errors)
{
	struct buf bytes = {0};
	const char *fault = file_read(file, &bytes);
	struct conf *conf = NULL;
	char *path = NULL;
	bool good;

	if (fault != NULL)
		buf_printf(errors, "%s: cannot be read: %s\n", file, fault);
	else
		conf = parse_bytes(
			file, bytes.data != NULL ? bytes.data : "", bytes.len, errors, &good);
	if (conf != NULL && conf->store.path != NULL)
		path = strdup(conf->store.path);
	conf_unref(conf);
	buf_free(&bytes);
	return path;
}

/* Where the value of a key is in conf; not for keys of list items. */
static const void *value_of(const struct conf *conf, const struct conf_key *key)
{
	size_t section = 0;

	for (size_t i = 0; i < conf_key_count; i++)
		if (conf_keys[i].section[0] == '\0' && strcmp(conf_keys[i].name, key->section) == 0)
			section = conf_keys[i].offset;
	return (const char *)conf + section + key->offset;
}

static bool same_listens(const struct conf *a, const struct conf *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (strcmp(a->listen[i].text, b->listen[i].text) != 0 ||
			a->listen[i].proxy_protocol != b->listen[i].proxy_protocol)
			return false;
	return true;
}

static bool same_value(const struct conf_key *key, const struct conf *a, const struct conf *b)
{
	const char *text, *other;

	if (key->type == CONF_LISTEN)
		return same_listens(a, b);
	/* all other keys that need a restart are texts */
	text = *(char *const *)value_of(a, key);
	other = *(char *const *)value_of(b, key);
	return text == other || (text != NULL && other != NULL && strcmp(text, other) == 0);
}

void conf_restart_keys(const struct conf *now, const struct conf *next, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->reload != CONF_RESTART || same_value(key, now, next))
			continue;
		buf_printf(out, "%s%s%s%s", first ? "" : ", ", key->section,
			key->section[0] != '\0' ? "." : "", key->name);
		first = false;
	}
}
