/* control/acts/import.c - adds events to the store from lines of a file, each once. A line that
 * cannot be imported is a fault; the damaged payload of an event that is there already, and was
 * repaired, is a row:
 *   {"fault":{"line":3,"text":"expected a JSON object"}}
 *   {"row":{"line":7,"repaired":true}}
 * Progress is in bytes of the file. */
#include "store/import.h"
#include "act.h"
#include "base/clock.h"
#include "base/json.h"
#include "import_line.h"
#include "store/report.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED     "imported without --run"
#define BATCH_LINES 200                 /* in one operation */
#define BATCH_BYTES ((size_t)4 << 20)   /* … and so much of their text */
#define LINE_MORE   ((size_t)64 * 1024) /* that an export adds to a payload */
#define LINE_TIMES  6                   /* a byte of a payload may be \u0000 in JSON */
#define NAME_BYTES  4096

struct import {
	struct act *act;
	const struct conf *conf;
	const char *source;
	bool run;
	struct store_reader *reader; /* NULL: no dry run */
	struct import_line lines[BATCH_LINES];
	size_t count;
	size_t bytes;  /* of the text of these lines */
	size_t number; /* of the line being read, from 1 */
	int64_t read;  /* bytes of the file */
	int64_t imported, there, refused, to_run, repaired;
};

static void send_fault(struct import *im, size_t line, const char *text)
{
	im->refused++;
	act_send_fault(im->act,
		json_pack("{s:I, s:o}", "line", (json_int_t)line, "text", json_safe_text(text)));
}

static void free_lines(struct import *im)
{
	for (size_t i = 0; i < im->count; i++)
		import_line_free(&im->lines[i]);
	im->count = 0;
	im->bytes = 0;
}

/* ---- a batch of lines into the store ---- */

static void count_result(
	struct import *im, const struct import_line *l, const struct store_imported_event *e)
{
	switch (e->result) {
	case STORE_IMPORT_NEW:
		im->imported++;
		im->to_run += (int64_t)e->hook_count;
		break;
	case STORE_IMPORT_THERE:
		im->there++;
		break;
	case STORE_IMPORT_REPAIRED:
		im->there++;
		im->repaired++;
		act_send_row(im->act,
			json_pack("{s:I, s:b}", "line", (json_int_t)l->number, "repaired", 1));
		break;
	case STORE_IMPORT_CONFLICT:
		send_fault(
			im, l->number, "the store has this event with another body, which stays");
		break;
	}
}

static bool fail_full(struct import *im)
{
	struct store_counts counts;

	store_counts(im->act->context->store, &counts);
	(void)act_fail(im->act,
		"%" PRId64 " deliveries wait and limits.backlog is %u: run the command again when "
		"they are done; no event is imported twice",
		counts.waiting, im->conf->limits.backlog);
	return false;
}

/* Slice by slice, unless it must stop. */
static bool store_events(struct import *im, struct store_imported_event *list)
{
	size_t done = 0;

	while (done < im->count && !act_stopped(im->act, 0)) {
		struct store_import op = {
			.op.kind = STORE_OP_IMPORT,
			.list = list + done,
			.count = im->count - done,
			.now = clock_wall(),
			.audit = &im->act->audit,
		};

		if (!act_write(im->act, &op.op))
			return false;
		for (size_t i = done; i < done + op.done; i++)
			count_result(im, &im->lines[i], &list[i]);
		done += op.done;
		if (op.full)
			return fail_full(im);
	}
	return true;
}

static bool store_batch(struct import *im)
{
	struct store_imported_event list[BATCH_LINES];

	for (size_t i = 0; i < im->count; i++)
		list[i] = (struct store_imported_event){.event = &im->lines[i].event,
			.hooks = im->lines[i].match.hooks,
			.hook_count = im->lines[i].match.count,
			.declined = im->lines[i].match.declined.data,
			.skipped = im->run ? NULL : SKIPPED};
	return store_events(im, list);
}

/* For a dry run: counts the events of the batch that the store has already. A key that occurs twice
 * in the file is counted twice. */
static bool count_batch(struct import *im)
{
	bool has;

	for (size_t i = 0; i < im->count; i++) {
		const struct import_line *l = &im->lines[i];

		if (!store_report_has(im->reader, l->event.source, l->event.idempotency_key,
			    l->event.state_key, &has, im->act->why))
			return false;
		im->there += has;
		im->imported += !has;
		im->to_run += has ? 0 : (int64_t)l->match.count;
	}
	return true;
}

static bool end_batch(struct import *im)
{
	bool good = im->act->dry_run ? count_batch(im) : store_batch(im);

	free_lines(im);
	act_send_progress(im->act, im->read, 0);
	return good;
}

/* ---- the lines ---- */

static size_t trim(const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	return len;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r", text[i]) == NULL || text[i] == '\0')
			return false;
	return true;
}

/* Adds the line to the batch. False: the import cannot go on. */
static bool add_line(struct import *im, const char *text, size_t len)
{
	struct import_line *l = &im->lines[im->count];
	struct buf why = {0};

	*l = (struct import_line){.number = im->number};
	if (import_line_read(l, im->conf, im->source, text, len, &why)) {
		im->count++;
		im->bytes += len;
	} else {
		import_line_free(l);
		send_fault(im, im->number, buf_ok(&why) ? why.data : "out of memory");
	}
	buf_free(&why);
	return (im->count < BATCH_LINES && im->bytes < BATCH_BYTES) || end_batch(im);
}

static bool take_line(struct import *im, enum act_line kind, const char *text, size_t len)
{
	im->number++;
	im->read += (int64_t)len + 1;
	len = trim(text, len);
	if (kind == ACT_LINE_TOO_LONG) {
		send_fault(im, im->number, "the line is too long for a payload of limits.body");
		return true;
	}
	return is_blank(text, len) || add_line(im, text, len);
}

static bool import_lines(struct import *im)
{
	struct act_io *io = im->act->io;
	size_t max = im->conf->limits.body * LINE_TIMES + LINE_MORE, len;
	const char *text;
	enum act_line kind;

	while ((kind = io->next_line(io, max, &text, &len)) != ACT_LINE_END) {
		if (!take_line(im, kind, text, len))
			return false;
		if (im->act->stopped)
			return true;
	}
	return act_stopped(im->act, 0) || end_batch(im);
}

static json_t *import_by_conf(struct act *a, const struct conf *conf)
{
	struct import *im = calloc(1, sizeof(*im));
	json_t *done = NULL;

	if (im == NULL)
		return NULL;
	*im = (struct import){.act = a,
		.conf = conf,
		.source = act_text(a, "source"),
		.run = act_flag(a, "run"),
		.reader = a->dry_run ? act_open_reader(a) : NULL};
	if (im->reader != NULL || !a->dry_run) {
		a->cut = !import_lines(im);
		done = json_pack("{s:I, s:I, s:I, s:I, s:I}", "imported", (json_int_t)im->imported,
			"there", (json_int_t)im->there, "refused", (json_int_t)im->refused,
			"to_run", (json_int_t)im->to_run, "repaired", (json_int_t)im->repaired);
	}
	free_lines(im);
	store_reader_close(im->reader);
	free(im);
	(void)malloc_trim(0); /* what its lines took */
	return done;
}

static json_t *import(struct act *a)
{
	if (a->context->conf == NULL)
		return act_fail(a, "import needs the config");
	return import_by_conf(a, a->context->conf);
}

static const struct act_member members[] = {
	{"run", ACT_FLAG, 0, 0, false},
	{"source", ACT_TEXT, 1, NAME_BYTES, false},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_import = {.name = "import", .members = members, .run = import};
