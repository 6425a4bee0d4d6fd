#include "options.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/number.h"
#include "base/utf8.h"
#include "conf/conf.h"
#include "output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX 20

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

static void report_unknown_option(const struct ctl_command *command, const char *option)
{
	struct buf line = {0};

	buf_printf(&line, "%s: unknown option \"", command->name);
	buf_add_escaped(&line, option, strlen(option), '"');
	buf_add_text(&line, "\"; expected one of");
	for (const struct ctl_option *o = command->options; o->name != NULL; o++)
		buf_printf(&line, " --%s", o->name);
	buf_add_text(&line, " --config --help");
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
}

/* The option of that key was given without the argument it needs, or with one it does not take. */
static void report_wrong_argument(const struct ctl_command *command, int key)
{
	for (const struct ctl_option *o = command->options; o->name != NULL; o++) {
		if (o->key != key)
			continue;
		if (o->argument != NULL)
			ctl_error("%s: option --%s needs an argument: %s", command->name, o->name,
				o->argument);
		else
			ctl_error("%s: option --%s takes no argument", command->name, o->name);
		return;
	}
	ctl_error("%s: %s", command->name,
		key == 'C' ? "option --config needs a FILE" : "option --help takes no argument");
}

bool ctl_text(const char *what, const char *text)
{
	struct buf quoted = {0};

	if (utf8_is_valid(text, strlen(text)))
		return true;
	buf_add_escaped(&quoted, text, strlen(text), '"');
	ctl_error("%s: \"%s\" is not UTF-8", what, quoted.data != NULL ? quoted.data : "");
	buf_free(&quoted);
	return false;
}

/* Paths may be of any bytes; all else is compared with texts, or becomes JSON. */
static bool check_argument(const struct ctl_command *command, int key)
{
	const struct ctl_option *o = command->options;
	char what[64];

	while (o->name != NULL && o->key != key)
		o++;
	if (o->argument == NULL || strcmp(o->argument, "FILE") == 0 ||
		strcmp(o->argument, "WHERE") == 0)
		return true;
	(void)snprintf(what, sizeof(what), "--%s", o->name);
	return ctl_text(what, optarg);
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
		report_wrong_argument(command, optopt);
		return CTL_STOP;
	case '?':
		/* optopt: the key of an option that was given an argument but takes none, an
		 * unknown letter, or 0 for an unknown long option. */
		if (optopt != 0 && strncmp(argv[optind - 1], "--", 2) == 0)
			report_wrong_argument(command, optopt);
		else
			report_unknown_option(command,
				optopt != 0 ? (char[]){'-', (char)optopt, '\0'} : argv[optind - 1]);
		return CTL_STOP;
	default:
		return key < 0 || check_argument(command, key) ? key : CTL_STOP;
	}
}

bool ctl_operands(const struct ctl_command *command, int argc, int wanted, const char *expected)
{
	int got = argc - optind;

	if (got == wanted)
		return true;
	ctl_error("%s: too %s arguments; expected %s (see hookctl %s --help)", command->name,
		got < wanted ? "few" : "many", expected, command->name);
	return false;
}

/* What is wrong with the text of an option or operand, and what was expected. */
static PRINTF(3, 4) bool refuse(const char *what, const char *text, const char *expected, ...)
{
	struct buf line = {0};
	va_list args;

	buf_printf(&line, "%s: \"", what);
	buf_add_escaped(&line, text, strlen(text), '"');
	buf_add_text(&line, "\": expected ");
	va_start(args, expected);
	buf_vprintf(&line, expected, args);
	va_end(args);
	ctl_error("%s", buf_ok(&line) ? line.data : what);
	buf_free(&line);
	return false;
}

bool ctl_number(const char *what, const char *text, int64_t min, int64_t max, int64_t *out)
{
	int64_t value;

	if (number_read(text, strlen(text), max, &value) && value >= min) {
		*out = value;
		return true;
	}
	return refuse(what, text, "a number from %" PRId64 " to %" PRId64, min, max);
}

bool ctl_amount(const char *text, int64_t max, int64_t *out)
{
	if (number_read(text, strlen(text), max, out) && *out > 0)
		return true;
	return refuse("--amount", text,
		"a whole number of the currency's smallest unit, such as 5000, up to %" PRId64,
		max);
}

bool ctl_event_id(const char *text, int64_t *out)
{
	if (number_read(text, strlen(text), INT64_MAX, out) && *out > 0)
		return true;
	return refuse("ID", text, "the ID of an event, or KIND:ID such as transaction:98446301");
}

bool ctl_duration(const char *what, const char *text, int64_t *ms)
{
	if (duration_read(text, ms) && *ms < INT64_MAX)
		return true;
	return refuse(what, text, "a duration such as 30s, 5m, 2h, 1d, or 0");
}

bool ctl_moment(const char *what, const char *text, int64_t *ms)
{
	int64_t ago;

	if (clock_parse_short(text, strlen(text), ms))
		return true;
	if (duration_read(text, &ago) && ago < INT64_MAX) {
		*ms = clock_wall() - ago;
		return true;
	}
	return refuse(what, text,
		"a time: a date such as 2026-11-30, \"2026-11-30 14:05\" (local time), RFC 3339 "
		"such as "
		"2026-11-30T14:05:00Z, or how long ago: 30s, 5m, 2h, 3d");
}
