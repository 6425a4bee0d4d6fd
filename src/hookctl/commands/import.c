/* hookctl/commands/import.c - imports events from a file of JSON lines: each as `export
 * --format ndjson` writes it, or the body of an event as its sender would post it. An event that
 * the store has is not imported twice. Prints
 *   12 events imported, 3 there already, 1 refused; 12 deliveries SKIPPED: hookctl replay …
 * and the reason for each refused line on stderr. */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/config.h"
#include "hookctl/match.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/import.h"
#include "store/notify.h"
#include "store/report.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ctl_option options[] = {
	{'r', "run", NULL, "run the hooks; otherwise their deliveries are SKIPPED"},
	{'s', "source", "NAME", "the source of lines that name none (the only one)"},
	{'n', "dry-run", NULL, "only print what would be imported"},
	{'D', "store", "FILE", "into this store (the config's)"},
	{0},
};

#define SKIPPED    "imported without --run"
#define FAULTS_MAX 20 /* reported one by one; then only counted */

/* One line's event and the memory it needs. */
struct line {
	json_t *root;
	char *payload; /* decoded from base64; NULL: the payload is in text or in root */
	char *text;
	struct event event;
	struct ctl_match match;
	size_t number;
};

struct import {
	const char *path, *source;
	bool run, dry_run;
	struct conf *conf;
	struct store_reader *reader;
	struct store_editor *editor; /* NULL: --dry-run */
	FILE *file;
	int64_t size; /* of the file; 0: unknown */
	int64_t read, began;
	struct line lines[STORE_IMPORT_MAX];
	size_t count;
	size_t number; /* of the line being read, from 1 */
	size_t imported, there, faults, to_run;
};

static void report_fault(struct import *im, size_t number, const char *format, ...) PRINTF(3, 4);

static void report_fault(struct import *im, size_t number, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	im->faults++;
	if (im->faults > FAULTS_MAX)
		return;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	ctl_error("%s, line %zu: %s", im->path, number, text.data != NULL ? text.data : "");
	buf_free(&text);
}

static void line_free(struct line *l)
{
	ctl_match_free(&l->match);
	event_free(&l->event);
	json_decref(l->root);
	free(l->payload);
	free(l->text);
	*l = (struct line){0};
}

/* The body: the line's "payload" or "payload_base64", or the line itself. False: reported. */
static bool find_body(struct import *im, struct line *l, const char **body, size_t *len)
{
	const json_t *text = json_object_get(l->root, "payload");
	const json_t *base64 = json_object_get(l->root, "payload_base64");
	size_t room;

	if (json_is_string(text)) {
		*body = json_string_value(text);
		*len = json_string_length(text);
		return true;
	}
	if (!json_is_string(base64))
		return true; /* the line */
	room = json_string_length(base64);
	l->payload = malloc(room + 1);
	if (l->payload != NULL && sodium_base642bin((unsigned char *)l->payload, room,
					  json_string_value(base64), json_string_length(base64),
					  NULL, len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0) {
		*body = l->payload;
		return true;
	}
	report_fault(im, l->number, "payload_base64: expected base64");
	return false;
}

static const struct conf_source *find_source(struct import *im, const struct line *l)
{
	const json_t *named = json_object_get(l->root, "payload") != NULL ||
					      json_object_get(l->root, "payload_base64") != NULL
				      ? json_object_get(l->root, "source")
				      : NULL;
	const char *name = json_is_string(named) ? json_string_value(named) : im->source;
	struct buf line = {0};

	for (size_t i = 0; i < im->conf->source_count; i++)
		if (name != NULL ? strcmp(im->conf->sources[i].name, name) == 0
				 : im->conf->source_count == 1)
			return &im->conf->sources[i];
	if (name != NULL) {
		buf_add_text(&line, "the config has no source \"");
		buf_add_escaped(&line, name, strlen(name), '"');
		buf_add_char(&line, '"');
	} else {
		buf_add_text(&line, "the line names no source; expected \"source\", or --source "
				    "NAME");
	}
	report_fault(im, l->number, "%s", line.data != NULL ? line.data : "");
	buf_free(&line);
	return NULL;
}

/* Takes from an export the facts that the body does not have: when the event was received, and a
 * type that a person gave it. */
static bool take_exported(struct line *l, int64_t now)
{
	const json_t *type = json_object_get(l->root, "type");
	const json_t *received = json_object_get(l->root, "received_at");

	l->event.received_at = now;
	if (json_is_string(received) &&
		(!clock_parse(json_string_value(received), json_string_length(received),
			 &l->event.received_at) ||
			l->event.received_at > now))
		l->event.received_at = now;
	if (l->event.quarantined == NULL || !json_is_string(type) ||
		json_string_length(type) == 0 || json_string_length(type) > EVENT_TYPE_MAX)
		return true;
	free(l->event.type);
	l->event.type = strdup(json_string_value(type));
	l->event.quarantined = NULL;
	return l->event.type != NULL;
}

static bool parse_line(struct import *im, struct line *l, size_t len)
{
	json_error_t error;

	if (!json_parse(l->text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &l->root, &error))
		report_fault(im, l->number, "out of memory");
	else if (l->root == NULL)
		report_fault(im, l->number, "column %d: %s", error.column, error.text);
	else if (!json_is_object(l->root))
		report_fault(im, l->number, "expected a JSON object");
	else
		return true;
	return false;
}

/* The event of that body. `exported`: the body is a member of the line, not the line. */
static bool read_event(struct import *im, struct line *l, const struct conf_source *source,
	const char *body, size_t len, bool exported)
{
	if (len > im->conf->limits.body) {
		report_fault(im, l->number, "the payload has %zu bytes; limits.body is %zu", len,
			im->conf->limits.body);
		return false;
	}
	if (!event_parse(&l->event, &source->sender->shape, body, len)) {
		report_fault(im, l->number, "out of memory");
		return false;
	}
	if (!exported && l->event.quarantined != NULL) {
		report_fault(im, l->number,
			"expected a line of export --format ndjson, or an event: %s",
			l->event.quarantined);
		return false;
	}
	l->event.received_at = clock_wall();
	if (!exported || take_exported(l, l->event.received_at))
		return true;
	report_fault(im, l->number, "out of memory");
	return false;
}

/* Reads a line into *l. False: reported. */
static bool read_line(struct import *im, struct line *l, size_t len)
{
	const struct conf_source *source;
	const char *body = l->text;
	size_t body_len = len;

	if (!parse_line(im, l, len))
		return false;
	source = find_source(im, l);
	if (source == NULL || !find_body(im, l, &body, &body_len) ||
		!read_event(im, l, source, body, body_len, body != l->text))
		return false;
	l->event.source = source->name;
	return ctl_match(&l->match, im->conf, source, &l->event);
}

/* Does limits.backlog leave room for the deliveries that would run? */
static bool has_room(struct import *im, char why[STORE_READ_WHY])
{
	int64_t waiting = 0, more = 0;

	for (size_t i = 0; i < im->count; i++)
		more += (int64_t)im->lines[i].match.count;
	if (!im->run || more == 0)
		return true;
	if (!store_import_waiting(im->editor, &waiting, why))
		return false;
	if (waiting + more <= (int64_t)im->conf->limits.backlog)
		return true;
	(void)snprintf(why, STORE_READ_WHY,
		"%" PRId64 " deliveries wait and limits.backlog is %u: run the command again when "
		"they are done; no event is imported twice",
		waiting, im->conf->limits.backlog);
	return false;
}

static void count_results(struct import *im, const struct store_import *list)
{
	for (size_t i = 0; i < im->count; i++) {
		im->imported += list[i].result == STORE_IMPORT_NEW;
		im->there += list[i].result == STORE_IMPORT_THERE ||
			     list[i].result == STORE_IMPORT_REPAIRED;
		if (list[i].result == STORE_IMPORT_REPAIRED)
			ctl_error("line %zu: the damaged payload of this event was repaired",
				im->lines[i].number);
		if (list[i].result == STORE_IMPORT_NEW)
			im->to_run += list[i].hook_count;
		if (list[i].result == STORE_IMPORT_CONFLICT)
			report_fault(im, im->lines[i].number,
				"the store has this event with another body, which stays");
	}
}

/* Stores the batch of lines. False: reported. */
static bool store_batch(struct import *im)
{
	struct store_import list[STORE_IMPORT_MAX];
	char why[STORE_READ_WHY];
	bool good;

	for (size_t i = 0; i < im->count; i++)
		list[i] = (struct store_import){.event = &im->lines[i].event,
			.hooks = im->lines[i].match.hooks,
			.hook_count = im->lines[i].match.count,
			.declined = im->lines[i].match.declined.data,
			.skipped = im->run ? NULL : SKIPPED};
	good = has_room(im, why) && store_import(im->editor, list, im->count, clock_wall(), why);
	if (good)
		count_results(im, list);
	else
		ctl_error("%s", why);
	for (size_t i = 0; i < im->count; i++)
		line_free(&im->lines[i]);
	im->count = 0;
	if (im->size > 0)
		ctl_progress(im->read, im->size, " bytes", im->began);
	return good;
}

/* For --dry-run: counts the events of the batch that the store has already. A key that occurs twice
 * in the file is counted twice. */
static bool count_batch(struct import *im)
{
	char why[STORE_READ_WHY];
	bool good = true, has;

	for (size_t i = 0; i < im->count; i++) {
		const struct event *ev = &im->lines[i].event;

		if (good &&
			!store_report_has(im->reader, ev->source, ev->idempotency_key, &has, why)) {
			ctl_error("%s", why);
			good = false;
		}
		im->there += good && has;
		im->imported += good && !has;
		im->to_run += good && !has ? im->lines[i].match.count : 0;
		line_free(&im->lines[i]);
	}
	im->count = 0;
	return good;
}

static bool is_blank(const char *text, size_t len)
{
	return strspn(text, " \t\r\n") >= len;
}

static bool end_batch(struct import *im)
{
	return im->dry_run ? count_batch(im) : store_batch(im);
}

/* Adds the line to the batch. False: the import cannot continue, reported. */
static bool import_line(struct import *im, const char *text, size_t len)
{
	struct line *l = &im->lines[im->count];

	*l = (struct line){.number = im->number, .text = malloc(len + 1)};
	if (l->text == NULL) {
		ctl_error("out of memory");
		return false;
	}
	memcpy(l->text, text, len);
	l->text[len] = '\0';
	if (read_line(im, l, len))
		im->count++;
	else
		line_free(l);
	return im->count < STORE_IMPORT_MAX || end_batch(im);
}

static bool import_lines(struct import *im)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;
	bool good = true;

	while (good && (len = getline(&text, &room, im->file)) >= 0) {
		im->number++;
		im->read += len;
		while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			len--;
		if (!is_blank(text, (size_t)len))
			good = import_line(im, text, (size_t)len);
	}
	free(text);
	if (good && ferror(im->file)) {
		ctl_error("%s: %s", im->path, strerror(errno));
		good = false;
	}
	return good && end_batch(im);
}

static void print_totals(const struct import *im)
{
	if (im->faults > FAULTS_MAX)
		ctl_error("%zu more lines cannot be imported", im->faults - FAULTS_MAX);
	printf("%zu event%s %s, %zu there already, %zu refused; %zu deliver%s %s\n", im->imported,
		im->imported == 1 ? "" : "s", im->dry_run ? "to import" : "imported", im->there,
		im->faults, im->to_run, im->to_run == 1 ? "y" : "ies",
		im->run ? "to run" : "SKIPPED: hookctl replay --state skipped runs them");
}

static bool open_file(struct import *im, const char *path)
{
	struct stat sb;

	im->path = path;
	im->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (im->file == NULL) {
		ctl_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (im->file == stdin)
		im->path = "standard input";
	else if (fstat(fileno(im->file), &sb) == 0 && S_ISREG(sb.st_mode))
		im->size = sb.st_size;
	return true;
}

static int import_and_report(struct import *im)
{
	int status;

	im->began = clock_steady();
	status = import_lines(im) && im->faults == 0 ? CTL_OK : CTL_FAILED;
	print_totals(im);
	if (im->run && !im->dry_run && im->to_run > 0 &&
		!store_notify_send(store_editor_path(im->editor)))
		ctl_error_not_notified();
	for (size_t i = 0; i < im->count; i++)
		line_free(&im->lines[i]);
	return status;
}

static int open_and_import(struct ctl *ctl, struct import *im, const char *store)
{
	char why[STORE_READ_WHY], *path;
	int status;

	im->reader = ctl_store_open(ctl, store, &path, &status);
	if (im->reader == NULL)
		return status;
	if (!im->dry_run)
		im->editor = store_editor_open(path, why);
	if (im->dry_run || im->editor != NULL)
		status = import_and_report(im);
	else
		ctl_error("%s", why);
	store_editor_close(im->editor);
	store_reader_close(im->reader);
	free(path);
	return status;
}

static int import_command(struct ctl *ctl, int argc, char **argv)
{
	struct import *im = calloc(1, sizeof(*im));
	const char *store = NULL;
	int key, status = CTL_FAILED;

	if (im == NULL) {
		ctl_error("out of memory");
		return status;
	}
	while ((key = ctl_next_option(ctl, &ctl_import, argc, argv, &status)) >= 0) {
		if (key == 'r')
			im->run = true;
		else if (key == 's')
			im->source = optarg;
		else if (key == 'n')
			im->dry_run = true;
		else
			store = optarg;
	}
	if (key != CTL_STOP) {
		status = CTL_USAGE;
		if (ctl_operands(&ctl_import, argc, 1, "the FILE, or - for standard input")) {
			im->conf = ctl_config_load(ctl);
			status = im->conf == NULL              ? CTL_CONFIG
				 : open_file(im, argv[optind]) ? open_and_import(ctl, im, store)
							       : CTL_FAILED;
		}
	}
	if (im->file != NULL && im->file != stdin)
		(void)fclose(im->file);
	if (im->conf != NULL)
		conf_unref(im->conf);
	free(im);
	return status;
}

const struct ctl_command ctl_import = {
	"import",
	"[--run] [--source NAME] [--dry-run] FILE",
	"import events from JSON lines, each once",
	options,
	import_command,
};
