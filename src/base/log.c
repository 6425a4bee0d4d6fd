#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELDS_MAX 16

static _Atomic int log_level = LOG_INFO;
static _Atomic int log_format = LOG_FORMAT_TEXT;
static _Atomic bool log_journal;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* sd-daemon(3)'s prefixes: err, warning, info, debug. */
static const int level_priorities[] = {3, 4, 6, 7};

/* JOURNAL_STREAM=DEV:INODE names the stream that stderr was at exec: systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

void log_setup(enum log_level level, enum log_format format)
{
	atomic_store(&log_level, (int)level);
	atomic_store(&log_format, (int)format);
	atomic_store(&log_journal, stderr_is_journal());
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

struct log_field log_int(const char *key, int64_t number)
{
	return (struct log_field){.kind = LOG_FIELD_INT, .key = key, .number = number};
}

struct log_field log_text(const char *key, const char *text)
{
	return log_bytes(key, text, text != NULL ? strlen(text) : 0);
}

struct log_field log_bytes(const char *key, const void *bytes, size_t len)
{
	return (struct log_field){.kind = LOG_FIELD_TEXT, .key = key, .text = bytes, .len = len};
}

/* A bare word needs no quotes; anything else gets them. */
static bool is_word(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '=' ||
			text[i] == '\\')
			return false;
	return len > 0;
}

static void add_text_field(struct buf *b, const struct log_field *f)
{
	buf_printf(b, " %s=", f->key);
	if (f->kind == LOG_FIELD_INT) {
		buf_printf(b, "%" PRId64, f->number);
	} else if (is_word(f->text, f->len)) {
		buf_add(b, f->text, f->len);
	} else {
		buf_add_char(b, '"');
		buf_add_escaped(b, f->text, f->len, '"');
		buf_add_char(b, '"');
	}
}

static void add_json_field(struct buf *b, const struct log_field *f)
{
	buf_printf(b, ",\"%s\":", f->key);
	if (f->kind == LOG_FIELD_INT)
		buf_printf(b, "%" PRId64, f->number);
	else
		buf_add_json(b, f->text, f->len);
}

struct line {
	struct buf text;
	bool json;
};

static void line_begin(struct line *line, enum log_level level, const char *message)
{
	bool journal = atomic_load(&log_journal);
	struct buf *b = &line->text;
	char time[CLOCK_TEXT];

	*line = (struct line){.json = atomic_load(&log_format) == LOG_FORMAT_JSON};
	clock_format(clock_wall(), time);
	if (journal)
		buf_printf(b, "<%d>", level_priorities[level]);
	if (line->json) {
		buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
			level_names[level]);
		buf_add_json(b, message, strlen(message));
	} else if (journal) {
		buf_add_text(b, message); /* the journal keeps time and level itself */
	} else {
		buf_printf(b, "%s %s %s", time, level_names[level], message);
	}
}

static void line_add(struct line *line, const struct log_field *f)
{
	if (f->kind == LOG_FIELD_TEXT && f->text == NULL)
		return;
	if (line->json)
		add_json_field(&line->text, f);
	else
		add_text_field(&line->text, f);
}

static void line_end(struct line *line)
{
	buf_add_text(&line->text, line->json ? "}\n" : "\n");
}

void log_write(enum log_level level, const char *message, ...)
{
	int saved = errno;
	struct line line;
	va_list args;

	if (!log_wants(level))
		return;
	line_begin(&line, level, message);
	va_start(args, message);
	for (int i = 0; i < FIELDS_MAX; i++) {
		struct log_field f = va_arg(args, struct log_field);

		if (f.kind == LOG_FIELD_END)
			break;
		line_add(&line, &f);
	}
	va_end(args);
	line_end(&line);
	log_writer_put(buf_ok(&line.text) ? line.text.data : NULL, line.text.len);
	buf_free(&line.text);
	errno = saved;
}

static struct buf format_lost(int64_t count)
{
	const struct log_field number = log_int("lines", count);
	struct line line;

	line_begin(&line, LOG_WARN, "lines were not logged: stderr was not read, or not writable");
	line_add(&line, &number);
	line_end(&line);
	return line.text;
}

bool log_start(void)
{
	return log_writer_start(format_lost);
}

void log_flush(void)
{
	log_writer_flush();
}

bool log_allowed(struct log_limit *limit, unsigned *suppressed)
{
	int64_t steady = clock_steady();
	int64_t window = atomic_load(&limit->window);
	unsigned used;

	*suppressed = 0;
	if (window == 0 || steady - window >= LOG_LIMIT_WINDOW) {
		/* One thread wins the new window and reports how many lines the old one
		 * suppressed. */
		if (atomic_compare_exchange_strong(&limit->window, &window, steady)) {
			used = atomic_exchange(&limit->used, 1);
			*suppressed = used > LOG_LIMIT_BURST ? used - LOG_LIMIT_BURST : 0;
			return true;
		}
	}
	used = atomic_fetch_add(&limit->used, 1);
	return used < LOG_LIMIT_BURST;
}
