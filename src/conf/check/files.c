/* conf/check/files.c - the files that a config names besides secrets: templates, certificates, CAs.
 * What is in a template is sent, so it may be no secret's file, by whatever link. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The directory that a file is in, by its real path. False: it has none. */
static bool stat_directory(const char *path, struct stat *st)
{
	char *real = realpath(path, NULL), *slash = real != NULL ? strrchr(real, '/') : NULL;
	bool good = false;

	if (slash != NULL) {
		slash[slash == real] = '\0';
		good = stat(real, st) == 0;
	}
	free(real);
	return good;
}

/* Is it one of the secrets' files, or in the directory of the credentials? */
static bool is_secret(const struct conf *conf, const char *path)
{
	struct stat file, directory, secret;

	if (stat(path, &file) != 0 || !stat_directory(path, &directory))
		return false;
	for (size_t i = 0; i < conf->secret_file_count; i++)
		if (stat(conf->secret_files[i], &secret) == 0 &&
			(same_file(&secret, &file) || same_file(&secret, &directory)))
			return true;
	return false;
}

/* sent: what is in the files is sent. A certificate's may have its key, too. */
static void check_file(const struct conf_section *section, const char *key, bool sent)
{
	const struct conf_value v = conf_section_value(section, key, 0);
	char *path;

	if (v.node == NULL || v.node->kind != CONF_NODE_SCALAR || v.node->value == NULL)
		return;
	path = conf_path(&v, v.node->value);
	if (path == NULL)
		return;
	if (sent && is_secret(section->reader->conf, path))
		conf_refuse(&v, "is a secret's file, or a link to one: expected one of its own");
	else
		conf_note_file(section->reader, path);
	free(path);
}

static void check_inner(
	const struct conf_section *outer, const char *name, const char *const *keys, bool sent)
{
	const struct conf_section section = conf_section_inner(outer, name);

	for (size_t i = 0; section.node != NULL && keys[i] != NULL; i++)
		check_file(&section, keys[i], sent);
}

void conf_check_action_files(const struct conf_section *action)
{
	static const char *const templates[] = {"body_file", "html_file", NULL};
	static const char *const tls[] = {"ca", "certificate", NULL};

	check_inner(action, "email", templates, true);
	check_inner(action, "forward", tls, false);
}

void conf_check_top_files(const struct conf_section *top)
{
	static const char *const mail[] = {"ca", NULL};
	static const char *const tls[] = {"certificate", NULL};

	check_inner(top, "email", mail, false);
	check_inner(top, "tls", tls, false);
}
