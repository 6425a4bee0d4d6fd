#include "conf_read.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_ROOM ((size_t)64 * 1024) /* bytes of one user's row: far more than any has */

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The groups `name` is in, as initgroups(3) would set them. */
static bool load_groups(struct conf_user *user, const char *name)
{
	int count = 32, room;
	gid_t *groups = NULL, *larger;

	do {
		room = count;
		larger = reallocarray(groups, (size_t)room, sizeof(*groups));
		if (larger == NULL) {
			free(groups);
			return false;
		}
		groups = larger;
	} while (getgrouplist(name, user->gid, groups, &count) < 0 && count > room);
	user->groups = groups;
	user->group_count = (size_t)(count < room ? count : room);
	return true;
}

bool conf_read_user(const struct conf_value *v)
{
	struct conf_user *user = v->target, found = {0};
	const char *text = conf_value_text(v);
	char quoted[CONF_QUOTED], expected[CONF_EXPECTED], *room;
	struct passwd row, *result = NULL;
	int error;
	bool good = false;

	if (text == NULL)
		return false;
	if (text[0] == '\0') {
		conf_refuse_kind(v);
		return false;
	}
	room = malloc(PASSWD_ROOM);
	if (room == NULL)
		goto out;
	error = getpwnam_r(text, &row, room, PASSWD_ROOM, &result);
	if (result == NULL) {
		conf_refuse(v, "%s %s: expected %s", conf_value_quote(v, quoted),
			error == 0 || error == ENOENT ? "is no user" : strerror(error),
			conf_expected(v->key, expected));
		free(room);
		return false;
	}
	if (geteuid() != 0) {
		/* to stay who we are needs no rights, and no name either */
		good = row.pw_uid == geteuid();
		if (!good)
			conf_refuse(v,
				"%s: expected our own user, since only root can run as another",
				conf_value_quote(v, quoted));
		free(room);
		return good;
	}
	found.uid = row.pw_uid;
	found.gid = row.pw_gid;
	found.name = strdup(text);
	good = found.name != NULL && load_groups(&found, text);
	if (good)
		*user = found;
	else
		free(found.name);
out:
	if (!good)
		v->reader->errors.no_memory = true;
	free(room);
	return good;
}

/* One "NAME=value". Returns new; NULL: complained about. */
static char *read_variable(const struct conf_value *v, const struct conf_entry *entry)
{
	struct conf_value value = *v;
	struct buf variable = {0};
	char quoted[CONF_QUOTED], *taken;
	const char *text;

	if (!conf_is_env_name(entry->key, strlen(entry->key))) {
		conf_complain(v->reader, v->scope, v->key->name, entry->at,
			"%s is no variable's name: expected letters, digits and _, no digit first",
			conf_quote(entry->key, quoted));
		return NULL;
	}
	if (strncmp(entry->key, "HOOKD_", 6) == 0) {
		conf_complain(v->reader, v->scope, v->key->name, entry->at,
			"%s: expected a name that does not begin with HOOKD_, those are hookd's "
			"own",
			conf_quote(entry->key, quoted));
		return NULL;
	}
	value.node = entry->value;
	if (value.node->kind != CONF_NODE_SCALAR) {
		conf_complain(v->reader, v->scope, v->key->name, value.node->at,
			"%s: expected a text for its value", conf_quote(entry->key, quoted));
		return NULL;
	}
	text = conf_value_text(&value);
	if (text == NULL)
		return NULL;
	buf_printf(&variable, "%s=", entry->key);
	buf_add_text(&variable, text);
	taken = buf_take(&variable);
	if (taken == NULL)
		v->reader->errors.no_memory = true;
	return taken;
}

bool conf_read_env(const struct conf_value *v)
{
	const struct conf_node *node = v->node;
	char **env, quoted[CONF_QUOTED];
	size_t count = 0;
	bool good = true;

	if (conf_node_is_nothing(node))
		return true;
	if (node->kind != CONF_NODE_MAPPING) {
		conf_refuse_kind(v);
		return false;
	}
	if (node->count > (size_t)v->key->max) {
		conf_refuse(
			v, "has %zu variables: expected at most %lld", node->count, v->key->max);
		return false;
	}
	env = calloc(node->count + 1, sizeof(*env));
	if (env == NULL) {
		v->reader->errors.no_memory = true;
		return false;
	}
	for (size_t i = 0; i < node->count; i++) {
		const struct conf_entry *entry = &node->entries[i];

		if (entry->first_line != 0) {
			conf_complain(v->reader, v->scope, v->key->name, entry->at,
				"duplicate name %s: expected it once, it stands in line %u already",
				conf_quote(entry->key, quoted), entry->first_line);
			good = false;
			continue;
		}
		env[count] = read_variable(v, entry);
		if (env[count] != NULL)
			count++;
		else
			good = false;
	}
	if (good)
		*(char ***)v->target = env;
	else
		conf_free_texts(env);
	return good;
}

/* "HOME=…" of the user that a hook runs as. Returns new; NULL: out of memory. */
static char *home_variable(const struct conf_user *user)
{
	uid_t uid = user->name != NULL ? user->uid : geteuid();
	char *room = malloc(PASSWD_ROOM), *variable = NULL;
	struct passwd row, *result = NULL;
	const char *home = "/";

	if (room == NULL)
		return NULL;
	if (getpwuid_r(uid, &row, room, PASSWD_ROOM, &result) == 0 && result != NULL &&
		result->pw_dir != NULL && result->pw_dir[0] == '/')
		home = result->pw_dir;
	if (asprintf(&variable, "HOME=%s", home) < 0)
		variable = NULL;
	free(room);
	return variable;
}

static char *inherited_variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	char *variable;

	if (value == NULL || value[0] == '\0')
		value = otherwise;
	return asprintf(&variable, "%s=%s", name, value) < 0 ? NULL : variable;
}

/* Does env, up to count, set the variable that `variable` sets? */
static bool sets(char *const *env, size_t count, const char *variable)
{
	size_t len = strcspn(variable, "=") + 1;

	for (size_t i = 0; i < count; i++)
		if (strncmp(env[i], variable, len) == 0)
			return true;
	return false;
}

bool conf_complete_env(struct conf_hook *hook)
{
	char *basics[] = {inherited_variable("PATH", default_path),
		inherited_variable("LANG", "C.UTF-8"), home_variable(&hook->user)};
	const size_t basic_count = sizeof(basics) / sizeof(basics[0]);
	size_t own = 0, count = 0;
	char **env;
	bool good = true;

	while (hook->env != NULL && hook->env[own] != NULL)
		own++;
	env = calloc(basic_count + own + 1, sizeof(*env));
	for (size_t i = 0; i < basic_count; i++) {
		good = good && basics[i] != NULL;
		if (env != NULL && good && !sets(hook->env, own, basics[i]))
			env[count++] = basics[i];
		else
			free(basics[i]);
	}
	if (env == NULL)
		return false;
	for (size_t i = 0; i < own; i++)
		env[count++] = hook->env[i];
	free(hook->env);
	hook->env = env;
	return good;
}

void conf_free_texts(char **texts)
{
	for (size_t i = 0; texts != NULL && texts[i] != NULL; i++)
		free(texts[i]);
	free(texts);
}
