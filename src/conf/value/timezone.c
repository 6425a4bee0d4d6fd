#include "conf/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo/"

/* NULL: *fd is the file's; else what is wrong, for one that is no regular file the
 * words given. */
static const char *open_file(const char *path, const char *irregular, int *fd, struct stat *st)
{
	const char *fault = NULL;

	/* O_NONBLOCK: a FIFO is to be refused, not waited for */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return strerror(errno);
	if (fstat(*fd, st) < 0)
		fault = strerror(errno);
	else if (!S_ISREG(st->st_mode))
		fault = irregular;
	if (fault != NULL)
		close(*fd);
	return fault;
}

const char *conf_read_file(const char *path, struct buf *out)
{
	char chunk[16384];
	size_t before = out->len;
	struct stat st;
	ssize_t n = 1;
	int fd;
	const char *fault = open_file(path, "expected a regular file", &fd, &st);

	if (fault != NULL)
		return fault;
	while (fault == NULL && n > 0) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			fault = strerror(errno);
		else
			buf_add(out, chunk, (size_t)n);
		if (out->len - before > CONF_FILE_MAX)
			fault = "expected at most 1MiB";
	}
	close(fd);
	return fault == NULL && !buf_ok(out) ? "out of memory" : fault;
}

void conf_check_file(
	const struct conf_section *section, const char *key, const char *path, bool secret)
{
	const struct conf_node *node = conf_node_get(section->node, key);
	char quoted[CONF_QUOTED];
	const char *fault;
	struct stat st = {0};
	int fd;

	if (path == NULL)
		return;
	fault = open_file(path, "is no regular file", &fd, &st);
	if (fault == NULL) {
		close(fd);
		if (secret && (st.st_mode & 07) != 0)
			fault = "can be accessed by others (expected mode 0640 or less)";
		else if (secret)
			conf_note_secret_file(section->reader, path);
	}
	/* as written: the environment's part is not shown */
	if (fault != NULL)
		conf_section_complain(section, key, "%s: %s: expected a PEM file",
			conf_quote(node != NULL && node->text != NULL ? node->text : path, quoted),
			fault);
}

/* Names such as Africa/Porto-Novo and Etc/GMT+1, which lead to no other directory. */
static bool is_zone_name(const char *name)
{
	size_t len = strlen(name);

	return len < 64 && name[0] != '/' && name[0] != '.' && strstr(name, "..") == NULL &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    "/_+-.") == len;
}

/* Is it what tzset(3) reads? Other files lie beside the zones. */
static bool is_zone_file(const char *path)
{
	char magic[4];
	struct stat st;
	bool good;
	int fd;

	if (open_file(path, "", &fd, &st) != NULL)
		return false;
	good = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
	close(fd);
	return good;
}

bool conf_read_timezone(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	char path[sizeof(ZONES) + 64];

	if (text == NULL)
		return false;
	if (!is_zone_name(text))
		return conf_value_refuse(v, "is no time zone's name");
	snprintf(path, sizeof(path), "%s%s", ZONES, text);
	if (strcmp(text, "UTC") != 0 && !is_zone_file(path))
		return conf_value_refuse(v, "is no time zone that this system has");
	*(char **)v->target = strdup(text);
	if (*(char **)v->target == NULL)
		v->reader->errors.no_memory = true;
	return true;
}
