/* Reloads that other threads ask for, and what is kept of the last one. */
#include "hookd/host.h"

#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

struct asker {
	struct host *host;
	pthread_t thread;
	struct buf lines;
	bool good;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	a->good = a->host->control.reload(a->host, &a->lines);
	return NULL;
}

static void start_asking(struct host *h, struct asker *a)
{
	*a = (struct asker){.host = h};
	assert_true(thread_start(&a->thread, "asker", ask, a));
}

static void assert_answer(struct asker *a, bool good, const char *lines)
{
	assert_int_equal(pthread_join(a->thread, NULL), 0);
	assert_int_equal(a->good, good);
	assert_string_equal(a->lines.data, lines);
	buf_free(&a->lines);
}

static void wait_until_asked(struct host *h)
{
	struct pollfd fd = {.fd = h->event, .events = POLLIN};

	assert_int_equal(poll(&fd, 1, 20000), 1);
	assert_true(host_reload_asked(h));
	assert_false(host_reload_asked(h));
}

static void end_reload(struct host *h, bool good, const char *text)
{
	struct buf lines = {0};

	buf_add_text(&lines, text);
	host_reload_ended(h, good, &lines);
	buf_free(&lines);
}

static void assert_outcome(struct host *h, bool good, const char *text)
{
	(void)pthread_mutex_lock(&h->lock);
	assert_int_equal(h->good, good);
	if (text != NULL)
		assert_string_equal(h->text, text);
	else
		assert_null(h->text);
	(void)pthread_mutex_unlock(&h->lock);
}

static void asked_and_answered(void **state)
{
	struct host h;
	struct asker first, second;

	(void)state;
	assert_true(host_init(&h));
	assert_false(host_reload_asked(&h));
	assert_outcome(&h, true, NULL);
	start_asking(&h, &first);
	wait_until_asked(&h);
	start_asking(&h, &second); /* too late for this reload: it gets the next one */
	struct pollfd fd = {.fd = h.event, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 20000), 1);
	end_reload(&h, false, "a\nb\n");
	assert_answer(&first, false, "a\nb\n");
	assert_outcome(&h, false, "a\nb\n");
	wait_until_asked(&h);
	end_reload(&h, true, "c\n");
	assert_answer(&second, true, "c\n");
	assert_outcome(&h, true, "c\n");
	host_free(&h);
}

/* A reload by SIGHUP counts as well. */
static void nobody_asked(void **state)
{
	struct host h;

	(void)state;
	assert_true(host_init(&h));
	end_reload(&h, false, "x\n");
	assert_outcome(&h, false, "x\n");
	end_reload(&h, true, "");
	assert_outcome(&h, true, NULL);
	host_free(&h);
}

static void none_after_the_end(void **state)
{
	struct host h;
	struct asker before, after;

	(void)state;
	assert_true(host_init(&h));
	start_asking(&h, &before);
	struct pollfd fd = {.fd = h.event, .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 20000), 1);
	host_close(&h);
	assert_answer(&before, false, "hookd is stopping\n");
	start_asking(&h, &after);
	assert_answer(&after, false, "hookd is stopping\n");
	host_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_and_answered),
		cmocka_unit_test(nobody_asked),
		cmocka_unit_test(none_after_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
