/* hookctl/output.h - how hookctl writes: results on stdout, errors, questions and progress on
 * stderr; and the forms that several commands share (times, JSON members). One thread. */
#ifndef HOOKD_CTL_OUTPUT_H
#define HOOKD_CTL_OUTPUT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "hookctl: …" on stderr. */
void ctl_error(const char *format, ...) PRINTF(1, 2);

/* Reports that the event's payload is damaged. */
void ctl_error_damaged(int64_t event);

/* Writes the buffer to stdout and empties it. False: as ctl_flush, or the buffer was out of memory,
 * which is reported. */
bool ctl_print(struct buf *b) WARN_UNUSED;

/* Hands on what stdout still has. False: the write failed, which is reported once, unless the
 * reader of a pipe has ended. */
bool ctl_flush(void) WARN_UNUSED;

/* Asks the question on stderr; true for "y" or "yes" on standard input. */
bool ctl_confirm(const char *question) WARN_UNUSED;

/* Can a person answer? */
bool ctl_interactive(void);

/* On a terminal, a bar on stderr: `done` of `all`, counted in `unit` ("" or " pages"), since
 * `began` (clock_steady). With all = 0, which means unknown, only the time. */
void ctl_progress(int64_t done, int64_t all, const char *unit, int64_t began);

/* Removes the bar. */
void ctl_progress_end(void);

/* May standard output be coloured? A terminal, and NO_COLOR unset or empty. */
bool ctl_colour(void);

#define CTL_SPAN 32

/* Seconds as text, two units at most: "12 min 3 s". */
void ctl_span_format(int64_t seconds, char out[CTL_SPAN]);

#define CTL_TIME 40

/* A stored time in the local zone: "2026-06-30 22:50:29 +0000". */
void ctl_time_format(int64_t ms, char out[CTL_TIME]);

/* An event's row as members of a JSON object, without the braces. */
void ctl_event_json(struct buf *out, const struct store_event_row *row);

/* `"key":"text"`, or null for NULL, with a comma before it when `comma`. */
void ctl_json_text(struct buf *out, bool comma, const char *key, const char *text);

/* `,"key":"text"`, or null for "" and NULL. */
void ctl_json_known(struct buf *out, const char *key, const char *text);

/* `,"key":7`, or null for 0. */
void ctl_json_id(struct buf *out, const char *key, int64_t id);

/* `,"key":"2026-06-30T22:50:29.001Z"`, or null for 0. */
void ctl_json_time(struct buf *out, const char *key, int64_t ms);

/* An attempt's output, escaped, each line after `before`. */
void ctl_add_output(struct buf *out, const char *before, const char *text, size_t len);

#endif
