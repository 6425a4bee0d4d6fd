#include "base/clock.h"
#include "hookctl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS_MAX 20

void ctl_say(const char *format, ...)
{
	va_list args;

	/* What was printed so far belongs before it when both are one terminal. */
	fflush(stdout);
	va_start(args, format);
	fputs("hookctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static void print_help(const struct ctl_command *command)
{
	printf("usage: hookctl [--config FILE] %s %s\n%s\n\n", command->name, command->arguments,
		command->summary);
	for (const struct ctl_option *o = command->options; o->name != NULL; o++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->argument != NULL ? " " : "",
			o->argument != NULL ? o->argument : "");
		printf("  %-24s %s\n", left, o->summary);
	}
	printf("  %-24s %s\n  %-24s %s\n", "--config FILE", "the config (" CONF_DEFAULT_FILE ")",
		"--help", "this list");
}

static void say_option(const struct ctl_command *command, const char *what, const char *word)
{
	struct buf line = {0};

	buf_printf(&line, "%s: %s \"", command->name, what);
	buf_add_escaped(&line, word, strlen(word), '"');
	buf_add_text(&line, "\"; expected one of");
	for (const struct ctl_option *o = command->options; o->name != NULL; o++)
		buf_printf(&line, " --%s", o->name);
	buf_add_text(&line, " --config --help");
	ctl_say("%s", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static void say_argument(const struct ctl_command *command, int key)
{
	for (const struct ctl_option *o = command->options; o->name != NULL; o++) {
		if (o->key != key)
			continue;
		if (o->argument != NULL)
			ctl_say("%s: --%s lacks its %s", command->name, o->name, o->argument);
		else
			ctl_say("%s: --%s takes no argument", command->name, o->name);
		return;
	}
	ctl_say("%s: %s", command->name,
		key == 'C' ? "--config lacks its FILE" : "--help takes no argument");
}

int ctl_next_option(
	struct ctl *ctl, const struct ctl_command *command, int argc, char **argv, int *status)
{
	struct option longs[OPTIONS_MAX + 3] = {0};
	size_t n = 0;
	int key;

	for (; n < OPTIONS_MAX && command->options[n].name != NULL; n++)
		longs[n] = (struct option){command->options[n].name,
			command->options[n].argument != NULL ? required_argument : no_argument,
			NULL, command->options[n].key};
	longs[n++] = (struct option){"config", required_argument, NULL, 'C'};
	longs[n] = (struct option){"help", no_argument, NULL, 'h'};
	opterr = 0;
	while ((key = getopt_long(argc, argv, ":h", longs, NULL)) == 'C')
		ctl->config = optarg;
	*status = CTL_USAGE;
	switch (key) {
	case 'h':
		print_help(command);
		*status = CTL_OK;
		return CTL_STOP;
	case ':':
		say_argument(command, optopt);
		return CTL_STOP;
	case '?':
		/* optopt is an option's key when that option was given a value it does
		 * not take, an unknown letter, or 0 for an unknown long one. */
		if (optopt != 0 && strncmp(argv[optind - 1], "--", 2) == 0)
			say_argument(command, optopt);
		else
			say_option(command, "unknown option",
				optopt != 0 ? (char[]){'-', (char)optopt, '\0'} : argv[optind - 1]);
		return CTL_STOP;
	default:
		return key;
	}
}

bool ctl_operands(const struct ctl_command *command, int argc, int wanted, const char *expected)
{
	int got = argc - optind;

	if (got == wanted)
		return true;
	ctl_say("%s: %s; expected %s (hookctl %s --help tells more)", command->name,
		got < wanted ? "something is missing" : "too many words", expected, command->name);
	return false;
}

bool ctl_number(const char *what, const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' &&
		(*text == '-' || (*text >= '0' && *text <= '9')) && value >= min && value <= max) {
		*out = value;
		return true;
	}
	ctl_say("%s: expected a number from %" PRId64 " to %" PRId64, what, min, max);
	return false;
}

bool ctl_duration(const char *what, const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno == 0 && *text >= '0' && *text <= '9' && value <= 1000000000) {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strcmp(end, units[i].unit) == 0) {
				*ms = value * units[i].ms;
				return true;
			}
		}
		if (value == 0 && *end == '\0') {
			*ms = 0;
			return true;
		}
	}
	ctl_say("%s: expected a duration such as 30s, 5m, 2h, 1d, or 0", what);
	return false;
}

bool ctl_moment(const char *what, const char *text, int64_t *ms)
{
	int64_t ago;

	if (clock_parse(text, strlen(text), ms))
		return true;
	if (!ctl_duration(what, text, &ago))
		return false;
	*ms = clock_wall() - ago;
	return true;
}

void ctl_span(int64_t seconds, char out[CTL_SPAN])
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
	size_t i = 0, last = sizeof(units) / sizeof(units[0]) - 1;
	int64_t rest;

	while (i < last && seconds < units[i].seconds)
		i++;
	rest = i < last ? seconds % units[i].seconds / units[i + 1].seconds : 0;
	if (rest != 0)
		snprintf(out, CTL_SPAN, "%" PRId64 " %s %" PRId64 " %s", seconds / units[i].seconds,
			units[i].unit, rest, units[i + 1].unit);
	else
		snprintf(
			out, CTL_SPAN, "%" PRId64 " %s", seconds / units[i].seconds, units[i].unit);
}

void ctl_time(int64_t ms, char out[CTL_TIME])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
		strftime(out, CTL_TIME, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		snprintf(out, CTL_TIME, "%" PRId64 " ms", ms);
}

struct conf *ctl_conf(const struct ctl *ctl)
{
	struct buf errors = {0};
	struct conf *conf = conf_load(ctl->config, &errors);

	/* Warnings are for hookd --check: here they would come with every command. */
	if (conf == NULL) {
		fflush(stdout);
		if (errors.len > 0)
			fwrite(errors.data, 1, errors.len, stderr);
		else
			ctl_say("%s cannot be read: memory is short", ctl->config);
	}
	buf_free(&errors);
	return conf;
}

const struct conf_source *ctl_source(const struct conf *conf, const char *name)
{
	const struct conf_source *source;
	struct buf line = {0};

	if (name == NULL && conf->source_count == 1)
		return &conf->sources[0];
	source = name != NULL ? conf_source_by_name(conf, name) : NULL;
	if (source != NULL)
		return source;
	if (name != NULL) {
		buf_add_text(&line, "no source \"");
		buf_add_escaped(&line, name, strlen(name), '"');
		buf_printf(&line, "\" in %s; there is", conf->file);
	} else if (conf->source_count == 0) {
		buf_printf(&line, "%s has no source", conf->file);
	} else {
		buf_printf(&line, "%s has %zu sources: say which with --source", conf->file,
			conf->source_count);
	}
	for (size_t i = 0; i < conf->source_count; i++)
		buf_printf(&line, "%s %s", i > 0 ? "," : "", conf->sources[i].name);
	ctl_say("%s", line.data != NULL ? line.data : "memory is short");
	buf_free(&line);
	return NULL;
}

struct secret *ctl_secret(const char *text)
{
	static const struct {
		const char *prefix;
		enum secret_origin origin;
	} origins[] = {
		{"credential:", SECRET_CREDENTIAL}, {"file:", SECRET_FILE}, {"env:", SECRET_ENV}};
	char why[SECRET_WHY];
	struct secret *secret;

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		size_t len = strlen(origins[i].prefix);

		if (strncmp(text, origins[i].prefix, len) != 0 || text[len] == '\0')
			continue;
		secret = secret_load(origins[i].origin, text + len, why);
		if (secret == NULL)
			ctl_say("--secret-from: %s", why);
		return secret;
	}
	/* Not echoed: people put the secret itself here. */
	ctl_say("--secret-from: expected credential:NAME, file:PATH or env:NAME, not the secret "
		"itself, which every user of the machine could see in the list of processes");
	return NULL;
}

const struct verify_scheme *ctl_scheme(const char *name)
{
	const struct verify_scheme *scheme = verify_scheme_find(name);
	struct buf line = {0};

	if (scheme != NULL)
		return scheme;
	buf_add_text(&line, "--scheme: expected");
	for (size_t i = 0; verify_scheme_name(i) != NULL; i++)
		buf_printf(&line, "%s %s", i > 0 ? " or" : "", verify_scheme_name(i));
	ctl_say("%s", line.data != NULL ? line.data : "memory is short");
	buf_free(&line);
	return NULL;
}

int ctl_keys_load(const struct ctl *ctl, struct ctl_keys *keys, const char *const *words,
	size_t count, const char *source, const char *scheme)
{
	*keys = (struct ctl_keys){0};
	if (count == 0) {
		if (scheme != NULL) {
			ctl_say("--scheme goes with --secret-from; a source has its own");
			return CTL_USAGE;
		}
		keys->conf = ctl_conf(ctl);
		if (keys->conf == NULL)
			return CTL_CONFIG;
		keys->source = ctl_source(keys->conf, source);
		if (keys->source == NULL)
			return CTL_USAGE;
		keys->scheme = keys->source->scheme;
		keys->secrets = keys->source->secrets;
		keys->count = keys->source->secret_count;
		return CTL_OK;
	}
	keys->scheme = ctl_scheme(scheme != NULL ? scheme : "fedapay");
	if (keys->scheme == NULL)
		return CTL_USAGE;
	if (count > CTL_SECRETS_MAX) {
		ctl_say("--secret-from: at most %d of them", CTL_SECRETS_MAX);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < count; i++) {
		keys->named[i] = ctl_secret(words[i]);
		if (keys->named[i] == NULL)
			return CTL_USAGE;
	}
	keys->secrets = keys->named;
	keys->count = count;
	return CTL_OK;
}

void ctl_keys_free(struct ctl_keys *keys)
{
	for (size_t i = 0; i < CTL_SECRETS_MAX; i++)
		secret_free(keys->named[i]);
	conf_unref(keys->conf);
	*keys = (struct ctl_keys){0};
}

static bool read_all(int fd, const char *name, struct buf *out)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ctl_say("cannot read %s: %s", name, strerror(errno));
			return false;
		}
		buf_add(out, chunk, (size_t)n);
		if (!buf_ok(out) || out->len > CTL_FILE_MAX) {
			ctl_say("%s has more than %zu MiB", name, CTL_FILE_MAX >> 20);
			return false;
		}
	}
	return true;
}

bool ctl_read_file(const char *path, struct buf *out)
{
	bool read;
	int fd;

	if (strcmp(path, "-") == 0)
		return read_all(STDIN_FILENO, "standard input", out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ctl_say("cannot open %s: %s", path, strerror(errno));
		return false;
	}
	read = read_all(fd, path, out);
	close(fd);
	return read;
}
