/* conf/value/secrets.c - secrets, each read from the place where it is kept. */
#include "conf/read.h"
#include "sender/sender.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const char places[] =
	"{credential: NAME} (of systemd), {file: PATH} or {env: NAME} (of a variable)";

static const struct {
	const char *key;
	enum secret_origin origin;
} origins[] = {
	{"credential", SECRET_CREDENTIAL},
	{"file", SECRET_FILE},
	{"env", SECRET_ENV},
};

#define ORIGINS (sizeof(origins) / sizeof(origins[0]))

/* The text may be the secret itself, so the message does not contain it. */
static struct secret *refuse_plain(const struct conf_value *v)
{
	conf_refuse(v, "a secret must not be in the config: expected the place where it is, %s",
		places);
	return NULL;
}

/* An unknown key may be a secret in the wrong place: not repeated in the message. */
static struct secret *refuse_key(const struct conf_value *v, const char *key)
{
	struct conf_guess guess = {.word = key};
	char meant[CONF_GUESS];

	for (size_t i = 0; i < ORIGINS; i++)
		conf_guess_try(&guess, origins[i].key);
	conf_refuse(v, "unknown key: expected one of %s%s", places, conf_guess_text(&guess, meant));
	return NULL;
}

/* Appends a copy of a path to a list. */
static void note_path(struct conf_reader *r, char ***list, size_t *count, const char *path)
{
	char **larger, *copy = strdup(path);

	larger = reallocarray(*list, *count + 1, sizeof(*larger));
	if (larger != NULL)
		*list = larger;
	if (larger == NULL || copy == NULL) {
		free(copy);
		r->errors.no_memory = true;
		return;
	}
	larger[(*count)++] = copy;
}

void conf_note_secret_file(struct conf_reader *r, const char *path)
{
	note_path(r, &r->conf->secret_files, &r->conf->secret_file_count, path);
}

void conf_note_file(struct conf_reader *r, const char *path)
{
	note_path(r, &r->conf->files, &r->conf->file_count, path);
}

static struct secret *load(const struct conf_value *v, size_t origin, const char *name)
{
	char why[SECRET_WHY], *path = NULL;
	struct secret *secret;

	if (origins[origin].origin == SECRET_FILE) {
		path = conf_path(v, name);
		if (path == NULL)
			return NULL;
		name = path;
	}
	secret = secret_load(origins[origin].origin, name, why);
	if (secret != NULL && path != NULL)
		conf_note_secret_file(v->reader, path);
	free(path);
	if (secret != NULL)
		return secret;
	conf_refuse(v, "%s", why);
	return NULL;
}

/* Returns new; NULL: reported. */
static struct secret *read_secret(const struct conf_value *v)
{
	const struct conf_node *node = v->node, *name;
	size_t origin = 0;

	if (node->kind == CONF_NODE_SCALAR)
		return refuse_plain(v);
	if (node->kind != CONF_NODE_MAPPING || node->count != 1) {
		conf_refuse(v, "expected exactly one of %s", places);
		return NULL;
	}
	while (origin < ORIGINS && strcmp(origins[origin].key, node->entries[0].key) != 0)
		origin++;
	if (origin == ORIGINS)
		return refuse_key(v, node->entries[0].key);
	name = node->entries[0].value;
	if (name->kind != CONF_NODE_SCALAR || name->text[0] == '\0' || conf_node_is_nothing(name)) {
		conf_refuse(
			v, "expected one text for \"%s\", as in %s", origins[origin].key, places);
		return NULL;
	}
	/* the secret itself instead of its place, or ${NAME}, which would become it */
	if (sender_is_secret(name->text) || strstr(name->text, "${") != NULL)
		return refuse_plain(v);
	if (origins[origin].origin == SECRET_ENV &&
		!conf_is_env_name(name->text, strlen(name->text))) {
		conf_refuse(v, "\"env\" does not name a variable: expected letters, "
			       "digits and _, not starting with a digit");
		return NULL;
	}
	return load(v, origin, name->text);
}

bool conf_read_secret(const struct conf_value *v)
{
	struct secret *secret = read_secret(v);

	if (secret == NULL)
		return false;
	*(struct secret **)v->target = secret;
	return true;
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return secret_len(a) == secret_len(b) &&
	       sodium_memcmp(secret_bytes(a), secret_bytes(b), secret_len(a)) == 0;
}

/* Checks the last of secrets against those before it, some of which may be NULL. */
static bool check_against(const struct conf_value *v, struct secret *const *secrets, size_t last)
{
	const struct sender_mode *mode = sender_mode_of(secrets[last]), *other;

	for (size_t i = 0; i < last; i++) {
		if (secrets[i] == NULL)
			continue;
		if (same_secret(secrets[i], secrets[last])) {
			conf_refuse(
				v, "the same secret as secrets[%zu]: expected each once", i + 1);
			return false;
		}
		other = sender_mode_of(secrets[i]);
		if (mode != NULL && other != NULL && mode != other) {
			conf_refuse(v,
				"a %s secret beside the %s one of secrets[%zu]: expected a source "
				"for each, since their event numbers overlap",
				mode->name, other->name, i + 1);
			return false;
		}
	}
	return true;
}

bool conf_read_secrets(const struct conf_value *v)
{
	struct secret **secrets;
	void *items;
	size_t count;
	bool good = true;

	if (v->node->kind == CONF_NODE_SCALAR && !conf_node_is_nothing(v->node)) {
		refuse_plain(v);
		return false;
	}
	if (!conf_list_open(v, false, sizeof(struct secret *), &items, &count))
		return false;
	secrets = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);

		secrets[i] = read_secret(&item);
		if (secrets[i] == NULL || !check_against(&item, secrets, i))
			good = false;
	}
	if (good) {
		conf_list_store(v, secrets, count);
		return true;
	}
	for (size_t i = 0; i < count; i++)
		secret_free(secrets[i]);
	free(secrets);
	return false;
}
