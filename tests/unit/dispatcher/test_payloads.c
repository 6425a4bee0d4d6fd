/* Large payloads share a bounded room in memory. Here it is small, so that the payloads may be. */
#include "fixture.h"

#include "dispatcher/private.h"

#include <sodium.h>

enum { ROOM = 1000000, LARGE = 400000 };

#define WAIT_FOR_GO "until [ -e $OUT/go ]; do sleep 0.02; done"

static struct dispatcher *open_with_room(struct fixture *fx, struct conf *conf)
{
	struct dispatcher *d = dispatcher_new();
	assert_non_null(d);
	d->payloads.max = ROOM;
	struct store_options options = {
		.path = fx->path,
		.backlog = 1000,
		.migrate = true,
		.on_ready = dispatcher_notify,
		.on_ready_arg = d,
	};
	fx_open_with(fx, &options);
	assert_true(dispatcher_start(d, conf, fx->st));
	return d;
}

/* An event of that size for one hook. */
static void put_sized(struct fixture *fx, const char *key, size_t hook, size_t len)
{
	char copy[32];
	char *payload = calloc(1, len);

	(void)snprintf(copy, sizeof(copy), "%s", key);
	struct event ev = fx_event(fx, copy, payload, len);
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = &fx->hooks[hook], .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	free(payload);
}

static void only_as_many_are_in_memory_as_there_is_room(void **state)
{
	struct fixture *fx = *state;
	int most = 0;
	struct conf *conf = conf_with(
		(const char *const[]){
			": >$OUT/now.$HOOKD_DELIVERY_ID;"
			" ls $OUT | grep -c '^now\\.' >>$OUT/most;"
			" sleep 0.05; rm $OUT/now.$HOOKD_DELIVERY_ID; cat >/dev/null"},
		1, 8);

	conf->hooks[0].own.concurrency = 8;
	fx_open(fx);
	for (int i = 0; i < 10; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "id:%d", i);
		put_sized(fx, key, 0, LARGE);
	}
	fx_close(fx);
	struct dispatcher *d = open_with_room(fx, conf);
	fx_await(fx, DONE, 10);
	assert_int_equal(lines("most", &most), 10);
	assert_in_range(most, 1, ROOM / LARGE);
	assert_int_equal(fx_number(fx, "SELECT max(attempts) FROM deliveries"), 1);
	close_all(fx, d, conf);
}

static void small_ones_do_not_wait_for_room(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = conf_with((const char *const[]){WAIT_FOR_GO, "exit 0"}, 2, 8);
	struct dispatcher *d = open_with_room(fx, conf);

	for (int i = 0; i < 4; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "large:%d", i);
		put_sized(fx, key, 0, LARGE);
	}
	fx_await(fx, RUNNING, 2);
	for (int i = 0; i < 20; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "small:%d", i);
		put_sized(fx, key, 1, 1000);
	}
	fx_await(fx, DONE, 20);
	assert_int_equal(fx_number(fx, RUNNING), 2);
	touch("go");
	fx_await(fx, DONE, 24);
	close_all(fx, d, conf);
}

static void one_that_is_larger_than_the_room_runs_alone(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = conf_with(
		(const char *const[]){"echo $HOOKD_EVENT_ID >>$OUT/ran; " WAIT_FOR_GO}, 1, 8);
	struct dispatcher *d = open_with_room(fx, conf);

	put_sized(fx, "id:1", 0, 3 * ROOM);
	await_lines("ran", 1);
	put_sized(fx, "id:2", 0, LARGE);
	put_sized(fx, "id:3", 0, 100);
	await_lines("ran", 2);
	usleep(300000);
	assert_int_equal(lines("ran", NULL), 2);
	touch("go");
	fx_await(fx, DONE, 3);
	close_all(fx, d, conf);
}

/* Others that would fit do not overtake the one that waits for room, whichever hook's they are. */
static void the_first_that_waits_gets_the_room(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = conf_with(
		(const char *const[]){"echo large >>$OUT/ran", "echo x >>$OUT/ran; " WAIT_FOR_GO},
		2, 8);
	char line[16] = "", path[128];

	conf->hooks[1].own.concurrency = 8;
	struct dispatcher *d = open_with_room(fx, conf);
	put_sized(fx, "a:1", 1, LARGE);
	put_sized(fx, "a:2", 1, LARGE);
	await_lines("ran", 2);
	put_sized(fx, "large", 0, ROOM - 1);
	for (int i = 0; i < 5; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "b:%d", i);
		put_sized(fx, key, 1, 100000);
	}
	usleep(300000);
	assert_int_equal(lines("ran", NULL), 2);
	touch("go");
	fx_await(fx, DONE, 8);
	(void)snprintf(path, sizeof(path), "%s/ran", out_directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	for (int i = 0; i < 3; i++)
		assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	assert_string_equal(line, "large\n");
	close_all(fx, d, conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(only_as_many_are_in_memory_as_there_is_room),
		TEST(small_ones_do_not_wait_for_room),
		TEST(one_that_is_larger_than_the_room_runs_alone),
		TEST(the_first_that_waits_gets_the_room),
	};
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
