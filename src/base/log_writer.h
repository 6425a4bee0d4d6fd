/* base/log_writer.h - what is between the threads that log and stderr: once started, a queue of at
 * most LOG_QUEUE bytes, and a thread that writes it. stderr may be a pipe that nobody reads, and
 * its flags are shared with all who have it open, so it cannot be made non-blocking: only that
 * thread ever waits for it. What finds the queue full, or cannot be written, is counted and
 * reported in the place where it is missing. Any thread. */
#ifndef HOOKD_LOG_WRITER_H
#define HOOKD_LOG_WRITER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_QUEUE ((size_t)1 << 20)

/* `format_lost` makes the line which reports that so many are missing. Call it once, with all
 * signals blocked that the process handles. False: there is no thread, errno says why, and lines
 * are written as before. */
bool log_writer_start(struct buf (*format_lost)(int64_t count)) WARN_UNUSED;

/* A line with its line end; NULL: it is missing, for lack of memory. Before the start it is written
 * at once. */
void log_writer_put(const char *line, size_t len);

/* Waits until all is written, but not for long. May be called by a signal handler. */
void log_writer_flush(void);

#endif
