/* dispatcher/fixture.h - a dispatcher with a real store and real scripts, which write what
 * they did into a directory. */
#ifndef HOOKD_DISPATCHER_FIXTURE_H
#define HOOKD_DISPATCHER_FIXTURE_H

#include "action/script_fixture.h"
#include "dispatcher/dispatcher.h"
#include "store/fixture.h"

#include <poll.h>

enum { PATIENCE = 60000, STEP = 10000 }; /* ms in all, us between two checks */

static char out_directory[64]; /* that the scripts write to */

static inline int make(void **state)
{
	assert_int_equal(fx_make(state), 0);
	(void)snprintf(out_directory, sizeof(out_directory), "/tmp/hookd-out-XXXXXX");
	return mkdtemp(out_directory) != NULL ? 0 : -1;
}

static inline int unmake(void **state)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", out_directory);
	assert_int_equal(system(command), 0);
	return fx_remove(state);
}

/* A conf with hooks alpha, beta, gamma (store ids 1 to 3), as many as scripts.
 * Scripts see the directory they may write to as $OUT. */
static inline struct conf *conf_with(const char *const *scripts, size_t n, unsigned concurrency)
{
	static const char *const names[] = {"alpha", "beta", "gamma"};
	struct conf *conf = fixture_conf(n, concurrency);

	for (size_t i = 0; i < n; i++) {
		char out[96];
		struct conf_hook *hook =
			fixture_hook(conf, i, names[i], (int64_t)i + 1, scripts[i]);
		(void)snprintf(out, sizeof(out), "OUT=%s", out_directory);
		free(hook->own.base_env[1]);
		hook->own.base_env[1] = strdup(out);
	}
	return conf;
}

static inline void open_all(struct fixture *fx, struct dispatcher **d, struct conf *conf)
{
	*d = dispatcher_new();
	assert_non_null(*d);
	struct store_options options = {
		.path = fx->path,
		.migrate = true,
		.backlog = 100000,
		.on_ready = dispatcher_notify,
		.on_ready_arg = *d,
	};
	fx_open_with(fx, &options);
	assert_int_equal(fx->hooks[0], 1);
	assert_int_equal(fx->hooks[2], 3);
	assert_true(dispatcher_start(*d, conf, fx->st));
}

static inline void close_all(struct fixture *fx, struct dispatcher *d, struct conf *conf)
{
	dispatcher_free(d);
	fx_close(fx);
	conf_unref(conf);
}

static inline void touch(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", out_directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fclose(file);
}

static inline int unlink_out(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", out_directory, name);
	return unlink(path);
}

/* How many lines scripts have appended to the file; 0: it does not exist. */
static inline int lines(const char *name, int *largest)
{
	char path[128], line[64];
	int n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", out_directory, name);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	for (; fgets(line, sizeof(line), file) != NULL; n++) {
		int value = (int)strtol(line, NULL, 10);
		if (largest != NULL && value > *largest)
			*largest = value;
	}
	(void)fclose(file);
	return n;
}

static inline void await_lines(const char *name, int expected)
{
	for (int waited = 0; waited < PATIENCE * 1000; waited += STEP) {
		if (lines(name, NULL) >= expected)
			return;
		usleep(STEP);
	}
	(void)fprintf(stderr, "timed out: %d lines in %s\n", expected, name);
	fail();
}

static inline void put(struct fixture *fx, int first, int count, size_t hooks)
{
	char key[16];

	for (int i = first; i < first + count; i++) {
		(void)snprintf(key, sizeof(key), "id:%d", i);
		(void)fx_put(fx, key, hooks);
	}
}

#define DONE     "SELECT count(*) FROM deliveries WHERE state = 'DONE'"
#define DEAD     "SELECT count(*) FROM deliveries WHERE state = 'DEAD'"
#define READY    "SELECT count(*) FROM deliveries WHERE state = 'READY'"
#define RUNNING  "SELECT count(*) FROM deliveries WHERE state = 'RUNNING'"
#define ATTEMPTS "SELECT count(*) FROM attempts WHERE result = "

static inline void await_drained(struct dispatcher *d)
{
	struct pollfd drained = {.fd = dispatcher_drain(d), .events = POLLIN};

	assert_int_equal(poll(&drained, 1, PATIENCE), 1);
}

#endif
