#include "log_writer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_STEPS 400     /* … */
#define FLUSH_STEP  5000000 /* ns: together 2 s */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the queue */
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static char *queue; /* LOG_QUEUE bytes: whole lines */
static size_t queue_len;
static int64_t queue_lost; /* lines since the queue was full: none is taken before it was emptied */

static char *batch;        /* the thread's: what it took from the queue last */
static int64_t unreported; /* the thread's: lines that are missing */
static struct buf (*format_lost_lines)(int64_t count);

static atomic_bool started;
static atomic_size_t unwritten; /* bytes */

/* A write to a pipe of no more than PIPE_BUF bytes is not mixed with those of others. */
static size_t chunk_of_lines(const char *lines, size_t len)
{
	const char *end;

	if (len <= PIPE_BUF)
		return len;
	end = memrchr(lines, '\n', PIPE_BUF);
	if (end == NULL)
		end = memchr(lines, '\n', len);
	return end != NULL ? (size_t)(end - lines) + 1 : len;
}

static bool write_chunk(const char *bytes, size_t len)
{
	struct pollfd stream = {.fd = STDERR_FILENO, .events = POLLOUT};

	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);
		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) { /* somebody has made it non-blocking */
			(void)poll(&stream, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static int64_t count_lines(const char *lines, size_t len)
{
	int64_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += lines[i] == '\n';
	return count;
}

static void write_lines(const char *lines, size_t len)
{
	while (len > 0) {
		size_t chunk = chunk_of_lines(lines, len);
		if (!write_chunk(lines, chunk))
			unreported += count_lines(lines, chunk);
		atomic_fetch_sub(&unwritten, chunk);
		lines += chunk;
		len -= chunk;
	}
}

static void report_lost(void)
{
	struct buf line;

	if (unreported == 0)
		return;
	line = format_lost_lines(unreported);
	if (buf_ok(&line) && write_chunk(line.data, line.len))
		unreported = 0;
	buf_free(&line);
}

/* Waits for lines and makes them the batch. Returns how many lines are missing after them. */
static int64_t take_queue(size_t *len)
{
	char *empty = batch;
	int64_t lost;

	(void)pthread_mutex_lock(&mutex);
	while (queue_len == 0 && queue_lost == 0)
		(void)pthread_cond_wait(&wake, &mutex);
	batch = queue;
	queue = empty;
	*len = queue_len;
	queue_len = 0;
	lost = queue_lost;
	queue_lost = 0;
	/* One more, so that a flush waits for the report. */
	atomic_fetch_add(&unwritten, 1);
	(void)pthread_mutex_unlock(&mutex);
	return lost;
}

static void *write_queue(void *arg)
{
	size_t len;

	(void)pthread_setname_np(pthread_self(), "log");
	for (;;) {
		int64_t lost = take_queue(&len);
		report_lost(); /* what could not be written before */
		write_lines(batch, len);
		unreported += lost;
		report_lost();
		atomic_fetch_sub(&unwritten, 1);
	}
	return arg;
}

static bool start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	errno = pthread_create(&thread, &attributes, write_queue, NULL);
	(void)pthread_attr_destroy(&attributes);
	return errno == 0;
}

bool log_writer_start(struct buf (*format_lost)(int64_t count))
{
	format_lost_lines = format_lost;
	queue = malloc(LOG_QUEUE);
	batch = malloc(LOG_QUEUE);
	if (queue != NULL && batch != NULL && start_thread()) {
		atomic_store(&started, true);
		return true;
	}
	free(queue);
	free(batch);
	return false;
}

void log_writer_put(const char *line, size_t len)
{
	if (!atomic_load(&started)) {
		if (line != NULL)
			(void)write_chunk(line, len);
		return;
	}
	(void)pthread_mutex_lock(&mutex);
	if (line == NULL || queue_lost > 0 || len > LOG_QUEUE - queue_len) {
		queue_lost++;
	} else {
		memcpy(queue + queue_len, line, len);
		queue_len += len;
		atomic_fetch_add(&unwritten, len);
	}
	(void)pthread_mutex_unlock(&mutex);
	(void)pthread_cond_signal(&wake);
}

void log_writer_flush(void)
{
	const struct timespec step = {.tv_nsec = FLUSH_STEP};

	for (int i = 0; atomic_load(&unwritten) > 0 && i < FLUSH_STEPS; i++)
		(void)nanosleep(&step, NULL); /* NOLINT(concurrency-mt-unsafe) */
}
