/* base/log.h - the only way to log: to stderr, a sentence and then key=value in the order given, or
 * one JSON object a line, in the order of the calls. Once log_start has been called, no call waits
 * for stderr: see base/log_writer.h. Text
 * values are escaped: what comes from outside can neither forge a line nor colour a terminal. When
 * stderr is the journal (JOURNAL_STREAM), each line opens with its priority, "<4>". Never pass a
 * secret. Every function may be called from any thread. */
#ifndef HOOKD_LOG_H
#define HOOKD_LOG_H

#include "attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
	enum { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_INT } kind;
	const char *key;
	const char *text; /* borrowed until the call returns; NULL: the field is left out */
	size_t len;
	int64_t number;
};

/* Level and format from now on; before the first call: LOG_INFO, text. */
void log_setup(enum log_level level, enum log_format format);

/* From now on a thread of its own writes the lines. Once, before others start, with all signals
 * blocked that the process handles. False: errno says why. */
bool log_start(void) WARN_UNUSED;

/* Before the process ends: waits until all lines are written, but no more than 2 s. May be called
 * by a signal handler. */
void log_flush(void);

bool log_wants(enum log_level level);

/* The message is a literal without control characters; the fields end with LOG_END. */
void log_write(enum log_level level, const char *message, ...);

#define LOG_END        ((struct log_field){.kind = LOG_FIELD_END})
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, LOG_END)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__, LOG_END)

struct log_field log_int(const char *key, int64_t number);
struct log_field log_text(const char *key, const char *text);
struct log_field log_bytes(const char *key, const void *bytes, size_t len);

/* A limit on one kind of line an outsider can cause: LOG_LIMIT_BURST lines in
 * LOG_LIMIT_WINDOW ms, then silence to the window's end. Zero-initialised. */
struct log_limit {
	_Atomic int64_t window; /* steady ms at which the present window opened */
	_Atomic unsigned used;
};

#define LOG_LIMIT_BURST  10
#define LOG_LIMIT_WINDOW 10000

/* True: the caller may log now. *suppressed gets the number of lines suppressed since
 * the last one that was allowed, usually 0. */
bool log_allowed(struct log_limit *limit, unsigned *suppressed) WARN_UNUSED;

#endif
