/* conf/value/scalar.c - single values: texts with ${NAME}, names, paths, numbers, sizes, durations,
 * times of day. */
#include "conf/read.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define TEXT_MAX 65536 /* bytes of a value once the environment is in it */

bool conf_is_env_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!(c < 0x80 && (isalpha(c) || c == '_' || (i > 0 && isdigit(c)))))
			return false;
	}
	return len > 0;
}

/* Appends the value of the ${NAME} at `from` to out. Returns what follows it; NULL:
 * reported. */
static const char *expand_one(const struct conf_value *v, const char *from, struct buf *out)
{
	const char *name = from + 2, *end = strchr(name, '}'), *value;
	char copy[128];

	if (end == NULL || !conf_is_env_name(name, (size_t)(end - name)) ||
		(size_t)(end - name) >= sizeof(copy)) {
		conf_refuse(v, "\"${\" without a variable name and \"}\" after it: expected "
			       "${NAME}, or $${ for a literal ${");
		return NULL;
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)(end - name), name);
	value = getenv(copy);
	if (value == NULL) {
		conf_refuse(v, "environment variable %s is not set: expected a value for ${%s}",
			copy, copy);
		return NULL;
	}
	buf_add_text(out, value);
	return end + 1;
}

static bool expand(const struct conf_value *v, const char *text, struct buf *out)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "$");

		buf_add(out, text, plain);
		text += plain;
		if (strncmp(text, "$${", 3) == 0) {
			buf_add_text(out, "${");
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			text = expand_one(v, text, out);
			if (text == NULL)
				return false;
		} else if (*text == '$') {
			buf_add_char(out, '$');
			text++;
		}
		if (out->len > TEXT_MAX) {
			conf_refuse(v, "is too long: expected at most %d bytes", TEXT_MAX);
			return false;
		}
	}
	return true;
}

const char *conf_value_text(const struct conf_value *v)
{
	struct conf_node *node = v->node;
	struct buf out = {0};

	if (node->kind != CONF_NODE_SCALAR) {
		conf_refuse_kind(v);
		return NULL;
	}
	if (node->value != NULL)
		return node->value;
	if (!expand(v, node->text, &out)) {
		buf_free(&out);
		return NULL;
	}
	node->value = buf_take(&out);
	if (node->value == NULL)
		v->reader->errors.no_memory = true;
	return node->value;
}

static bool store_text(const struct conf_value *v, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL) {
		v->reader->errors.no_memory = true;
		return false;
	}
	*(char **)v->target = copy;
	return true;
}

const char *conf_value_some_text(const struct conf_value *v)
{
	const char *text = conf_value_text(v);

	if (text != NULL && text[0] != '\0' && !conf_node_is_nothing(v->node))
		return text;
	if (text != NULL)
		conf_refuse_kind(v);
	return NULL;
}

bool conf_read_name(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);

	if (text == NULL)
		return false;
	for (size_t i = 0; text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];

		if (i == 64 || c >= 0x80 ||
			!(isalnum(c) || (i > 0 && (c == '.' || c == '_' || c == '-'))))
			return conf_value_refuse(v, "is not a name");
	}
	return store_text(v, text);
}

bool conf_read_text(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);

	if (text == NULL)
		return false;
	for (size_t i = 0; text[i] != '\0'; i++)
		if (iscntrl((unsigned char)text[i]))
			return conf_value_refuse(v, "has a control character");
	return store_text(v, text);
}

char *conf_path(const struct conf_value *v, const char *text)
{
	struct buf path = {0};
	char *taken;

	if (text[0] != '/')
		buf_printf(&path, "%s/", v->reader->directory);
	buf_add_text(&path, text);
	taken = buf_take(&path);
	if (taken == NULL) {
		v->reader->errors.no_memory = true;
	} else if (strlen(taken) >= PATH_MAX) {
		conf_refuse(v, "is too long: expected a path of less than %d bytes", PATH_MAX);
		free(taken);
		taken = NULL;
	}
	return taken;
}

char *conf_unix_path(const struct conf_value *v, const char *path)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	char quoted[CONF_QUOTED], *copy;

	if (path[0] != '/' || strlen(path) > max) {
		conf_refuse(v, "%s: expected an absolute path of at most %zu bytes after unix:",
			conf_value_quote(v, quoted), max);
		return NULL;
	}
	copy = strdup(path);
	if (copy == NULL)
		v->reader->errors.no_memory = true;
	return copy;
}

bool conf_read_path(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	char *path = text != NULL ? conf_path(v, text) : NULL;

	if (path == NULL)
		return false;
	*(char **)v->target = path;
	return true;
}

bool conf_read_url_path(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);

	if (text == NULL)
		return false;
	if (text[0] != '/')
		return conf_value_refuse(v, "does not begin with /");
	for (size_t i = 0; text[i] != '\0'; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("?#%", text[i]) != NULL)
			return conf_value_refuse(v,
				"has a character that is not allowed in a URL path (no ?, "
				"#, % or white space)");
	if (strlen(text) > 255)
		return conf_value_refuse(v, "is longer than 255 bytes");
	return store_text(v, text);
}

static bool read_amount(const struct conf_value *v, int64_t *n)
{
	enum conf_type type = conf_amount_type(v->key);
	const char *text = conf_value_some_text(v);

	if (text == NULL)
		return false;
	if (!number_read_unit(text, conf_units(type), n)) {
		if (type == CONF_DURATION && number_digits(text, strlen(text)) == strlen(text))
			return conf_value_refuse(v, "has no unit");
		return conf_value_refuse(v, type == CONF_DURATION ? "is not a duration"
					    : type == CONF_SIZE   ? "is not a size"
								  : "is not a number");
	}
	if (*n == 0 && v->key->zero != NULL)
		return true;
	if (*n < v->key->min)
		return conf_value_refuse(
			v, type == CONF_DURATION ? "is too short" : "is too small");
	if (*n > v->key->max)
		return conf_value_refuse(v, type == CONF_DURATION ? "is too long" : "is too large");
	return true;
}

bool conf_read_count(const struct conf_value *v)
{
	int64_t n;

	if (!read_amount(v, &n))
		return false;
	*(unsigned *)v->target = (unsigned)n;
	return true;
}

bool conf_read_size(const struct conf_value *v)
{
	int64_t n;

	if (!read_amount(v, &n))
		return false;
	*(size_t *)v->target = (size_t)n;
	return true;
}

bool conf_read_duration(const struct conf_value *v)
{
	int64_t n;

	if (!read_amount(v, &n))
		return false;
	*(int64_t *)v->target = n;
	return true;
}

bool conf_read_rlimit(const struct conf_value *v)
{
	struct conf_action *action = v->target;
	int64_t n;

	if (!read_amount(v, &n))
		return false;
	if (conf_amount_type(v->key) == CONF_DURATION) {
		if (n % 1000 != 0)
			return conf_value_refuse(v, "is not a whole number of seconds");
		n /= 1000;
	}
	action->rlimits[action->rlimit_count++] =
		(struct child_rlimit){.resource = (int)v->key->offset, .value = (rlim_t)n};
	return true;
}

bool conf_read_time_of_day(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	int64_t hour, minute;

	if (text == NULL)
		return false;
	if (strlen(text) != strlen("hh:mm") || text[2] != ':' || !number_read(text, 2, 23, &hour) ||
		!number_read(text + 3, 2, 59, &minute))
		return conf_value_refuse(v, "is not a time of day");
	*(unsigned *)v->target = (unsigned)(hour * 60 + minute);
	return true;
}
