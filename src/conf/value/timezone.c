/* conf/value/timezone.c - the key "timezone". */
#include "base/file.h"
#include "conf/read.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONES "/usr/share/zoneinfo/"

/* Names such as Africa/Porto-Novo and Etc/GMT+1, which lead to no other directory. */
static bool is_zone_name(const char *name)
{
	size_t len = strlen(name);

	return len < 64 && name[0] != '/' && name[0] != '.' && strstr(name, "..") == NULL &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    "/_+-.") == len;
}

/* Is it a file that tzset(3) reads? The directory has other files, too. */
static bool is_zone_file(const char *path)
{
	char magic[4];
	struct stat st;
	bool good;
	int fd;

	if (file_open(path, &fd, &st) != NULL)
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
		return conf_value_refuse(v, "is not the name of a time zone");
	snprintf(path, sizeof(path), "%s%s", ZONES, text);
	if (strcmp(text, "UTC") != 0 && !is_zone_file(path))
		return conf_value_refuse(v, "is not a time zone of this system");
	*(char **)v->target = strdup(text);
	if (*(char **)v->target == NULL)
		v->reader->errors.no_memory = true;
	return true;
}
