#include "output.h"

#include "base/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static bool bar_shown; /* a bar of ctl_progress is the last line on stderr */

void ctl_progress_end(void)
{
	if (bar_shown)
		fputs("\r\033[K", stderr);
	bar_shown = false;
}

/* Escaped: much of it quotes names of files and SQLite's messages, which may come from a store that
 * a less privileged user writes. */
static void print_error(const char *text)
{
	struct buf line = {0};

	buf_add_escaped(&line, text, strlen(text), '\0');
	if (!buf_ok(&line))
		fputs("hookctl: out of memory\n", stderr);
	else
		fprintf(stderr, "hookctl: %s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

/* A pipe whose reader has ended, as `head` does, is no error: that reader wants no more. */
static void report_write_failure(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	static bool reported;

	if (!reported && (poll(&out, 1, 0) != 1 || (out.revents & (POLLERR | POLLHUP)) == 0))
		ctl_error("cannot write to standard output");
	reported = true;
}

bool ctl_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	report_write_failure();
	return false;
}

void ctl_error(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	/* On a terminal, the output so far must appear first. */
	fflush(stdout);
	ctl_progress_end();
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	print_error(text != NULL ? text : "out of memory");
	free(text);
}

void ctl_span_format(int64_t seconds, char out[CTL_SPAN])
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

void ctl_time_format(int64_t ms, char out[CTL_TIME])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL ||
		strftime(out, CTL_TIME, "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		snprintf(out, CTL_TIME, "%" PRId64 " ms", ms);
}

void ctl_json_text(struct buf *out, bool comma, const char *key, const char *text)
{
	buf_printf(out, "%s\"%s\":", comma ? "," : "", key);
	if (text != NULL)
		buf_add_json(out, text, strlen(text));
	else
		buf_add_text(out, "null");
}

void ctl_json_time(struct buf *out, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT];

	clock_format(ms, text);
	ctl_json_text(out, true, key, ms != 0 ? text : NULL);
}

void ctl_error_damaged(int64_t event)
{
	ctl_error("event %" PRId64 ": its payload is damaged, not what was received", event);
}

void ctl_json_known(struct buf *out, const char *key, const char *text)
{
	ctl_json_text(out, true, key, text != NULL && *text != '\0' ? text : NULL);
}

void ctl_json_id(struct buf *out, const char *key, int64_t id)
{
	if (id > 0)
		buf_printf(out, ",\"%s\":%" PRId64, key, id);
	else
		buf_printf(out, ",\"%s\":null", key);
}

void ctl_event_json(struct buf *out, const struct store_event_row *row)
{
	buf_printf(out, "\"id\":%" PRId64, row->id);
	ctl_json_text(out, true, "source", row->source);
	ctl_json_text(out, true, "type", row->type);
	ctl_json_text(out, true, "entity_kind", row->entity_kind);
	ctl_json_text(out, true, "entity_id", row->entity_id);
	ctl_json_time(out, "received_at", row->received_at);
	ctl_json_time(out, "occurred_at", row->occurred_at);
	ctl_json_text(out, true, "origin", row->origin);
	ctl_json_text(out, true, "remote_addr", row->remote);
	ctl_json_text(out, true, "provider_event_id", row->provider_event_id);
	ctl_json_text(out, true, "idempotency_key", row->idempotency_key);
	buf_printf(out, ",\"duplicates\":%" PRId64 ",\"conflicts\":%" PRId64, row->duplicates,
		row->conflicts);
	ctl_json_text(out, true, "quarantined", row->quarantined);
	buf_printf(out,
		",\"waiting\":%" PRId64 ",\"done\":%" PRId64 ",\"dead\":%" PRId64
		",\"skipped\":%" PRId64,
		row->waiting, row->done, row->dead, row->skipped);
}

void ctl_add_output(struct buf *out, const char *before, const char *text, size_t len)
{
	if (len == 0)
		return; /* text may be NULL */
	for (const char *end = text + len; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;

		buf_add_text(out, before);
		buf_add_escaped(out, text, (size_t)(stop - text), '\0');
		buf_add_char(out, '\n');
		text = newline != NULL ? newline + 1 : end;
	}
}

bool ctl_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) == 1 && (no == NULL || *no == '\0');
}

bool ctl_print(struct buf *b)
{
	bool written = false;

	if (!buf_ok(b))
		ctl_error("out of memory");
	else if (b->len > 0 && fwrite(b->data, 1, b->len, stdout) != b->len)
		report_write_failure();
	else
		written = true;
	buf_clear(b);
	return written;
}

bool ctl_interactive(void)
{
	return isatty(STDIN_FILENO) == 1;
}

bool ctl_confirm(const char *question)
{
	char answer[8];

	fprintf(stderr, "%s [y/N] ", question);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0);
}

#define PROGRESS_MAX (INT64_C(1) << 53) /* more means nothing, and overflows */

enum { BAR = 24 /* columns */ };

static void show_elapsed(int64_t took)
{
	char span[CTL_SPAN];

	ctl_span_format(took / 1000, span);
	fprintf(stderr, "\r%s so far \033[K", span);
	bar_shown = true;
}

/* The numbers may come from a process that is not to be trusted. */
void ctl_progress(int64_t done, int64_t all, const char *unit, int64_t began)
{
	int64_t took = clock_steady() - began;
	char bar[BAR + 1], left[CTL_SPAN];

	if (isatty(STDERR_FILENO) != 1 || (done <= 0 && all > 0))
		return;
	if (all > PROGRESS_MAX)
		all = PROGRESS_MAX;
	if (all > 0 && done > all)
		done = all;
	if (all <= 0) {
		show_elapsed(took);
		return;
	}
	memset(bar, '.', BAR);
	memset(bar, '#', (size_t)(done * BAR / all));
	bar[BAR] = '\0';
	ctl_span_format((int64_t)((double)took * (double)(all - done) / (double)done / 1000), left);
	fprintf(stderr, "\r[%s] %" PRId64 " of %" PRId64 "%s, %" PRId64 " a second, %s left \033[K",
		bar, done, all, unit, took > 0 ? done * 1000 / took : 0, left);
	bar_shown = true;
}
