/* conf/value/user.c - the user a program runs as, and its basic environment. */
#include "conf/read.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_ROOM ((size_t)64 * 1024) /* bytes of one user's entry: far more than any has */

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* The groups `name` is in, as initgroups(3) would set them. */
static bool load_groups(struct child_user *user, const char *name)
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
	struct child_user *user = v->target, found = {0};
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
			error == 0 || error == ENOENT ? "is not a user" : strerror(error),
			conf_expected(v->key, expected));
		free(room);
		return false;
	}
	if (geteuid() != 0) {
		/* hookd's own user needs no privileges and no name */
		good = row.pw_uid == geteuid();
		if (!good)
			conf_refuse(v,
				"%s: expected hookd's own user, since only root can run as another",
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

/* "HOME=…" of the user that a program runs as. Returns new; NULL: out of memory. */
static char *home_variable(const struct child_user *user)
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

/* Does env set the variable that `variable` sets? */
static bool sets(const struct conf_pair *env, size_t count, const char *variable)
{
	size_t len = strcspn(variable, "=");

	for (size_t i = 0; i < count; i++)
		if (strlen(env[i].name) == len && strncmp(env[i].name, variable, len) == 0)
			return true;
	return false;
}

char **conf_base_env(const struct child_user *user, const struct conf_pair *env, size_t env_count)
{
	char *basics[] = {inherited_variable("PATH", default_path),
		inherited_variable("LANG", "C.UTF-8"), home_variable(user)};
	const size_t basic_count = sizeof(basics) / sizeof(basics[0]);
	char **base = calloc(basic_count + 1, sizeof(*base));
	size_t count = 0;
	bool good = base != NULL;

	for (size_t i = 0; i < basic_count; i++) {
		good = good && basics[i] != NULL;
		if (good && !sets(env, env_count, basics[i]))
			base[count++] = basics[i];
		else
			free(basics[i]);
	}
	if (good)
		return base;
	conf_free_texts(base);
	return NULL;
}
