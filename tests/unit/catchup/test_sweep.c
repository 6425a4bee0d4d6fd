/* A sweep over a simulated API: events at seconds 1 … n, newest first, some rows known. */
#include "base/clock.h"
#include "catchup/compose.h"
#include "catchup/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START INT64_C(1796000000000)

static struct api {
	int count;                    /* events */
	int known_below;              /* stored already */
	int added;                    /* events that come after each page */
	int per_page_most;            /* the API's own limit; 0: none */
	int window;                   /* rows that it gives at most; 0: any */
	bool ascending, meta, filter; /* filter: odd ones are of type x.odd */
	int type_of_row;
	int fail_judge_at;
	int requests, judged;
} api;

static int64_t at(int i)
{
	return START + i * INT64_C(1000);
}

static void add_row(struct buf *out, int i)
{
	char time[CLOCK_TEXT];

	clock_format(at(i), time);
	buf_printf(out,
		"%s{\"klass\":\"v1/event\",\"id\":\"AX%d\",\"type\":\"x.%s\",\"object\":\"x\","
		"\"object_id\":%d,\"created_at\":\"%s\",\"entity\":\"{\\\"id\\\":%d}\"}",
		out->data[out->len - 1] == '[' ? "" : ",", i, i % 2 != 0 ? "odd" : "even", i, time,
		i);
}

/* The page, or false if it is beyond the window. */
static bool answer(const char *query, struct answer_list *list)
{
	struct buf text = {0};
	int page, per_page, wanted = 0, place = 0;

	assert_int_equal(sscanf(query, "?page=%d&per_page=%d", &page, &per_page), 2);
	api.requests++;
	if (api.per_page_most > 0 && per_page > api.per_page_most)
		per_page = api.per_page_most;
	if (api.window > 0 && page * per_page > api.window)
		return false;
	if (api.filter && strstr(query, "filters%5Btype%5D=x.") != NULL)
		wanted = strstr(query, "x.odd") != NULL ? 1 : 2;
	buf_add_text(&text, "{\"v1/events\":[");
	for (int n = 1; n <= api.count; n++) {
		int i = api.ascending ? n : api.count + 1 - n;

		if (wanted != 0 && (i % 2 != 0) != (wanted == 1))
			continue;
		if (place >= (page - 1) * per_page && place < page * per_page)
			add_row(&text, i);
		place++;
	}
	buf_add_char(&text, ']');
	if (api.meta)
		buf_printf(&text, ",\"meta\":{\"per_page\":%d,\"next_page\":%s}", per_page,
			place > page * per_page ? "9" : "null");
	buf_add_char(&text, '}');
	assert_int_equal(answer_read_events(text.data, text.len, list), ANSWER_OK);
	buf_free(&text);
	api.count += api.added;
	return true;
}

static enum sweep_verdict judge(void *arg, const struct answer_event *row, struct buf *body)
{
	(void)arg;
	api.judged++;
	if (api.fail_judge_at != 0 && api.judged == api.fail_judge_at)
		return SWEEP_UNKNOWN;
	if (!row->unreadable && (row->created_at - START) / 1000 < api.known_below)
		return SWEEP_IGNORE;
	return compose_body(row, body) ? SWEEP_KEEP : SWEEP_UNKNOWN;
}

static const char *const both_types[] = {"x.odd", "x.even"};

/* Sweeps to the end; from and to are event numbers. */
static enum sweep_step sweep(struct sweep *s, int from, int to)
{
	struct sweep_plan plan = {.upper = at(to), .floor = at(from), .judge = judge};
	enum sweep_step step = SWEEP_ASK;

	if (api.filter) {
		plan.types = both_types;
		plan.type_count = 2;
	}
	sweep_begin(s, &plan);
	while (step == SWEEP_ASK) {
		struct answer_list list = {0};
		struct buf query = {0};

		sweep_query(s, &query);
		step = answer(query.data, &list) ? sweep_take(s, &list) : sweep_refused(s);
		answer_list_free(&list);
		buf_free(&query);
		assert_in_range(api.requests, 1, 3000);
	}
	sweep_sort(s);
	return step;
}

/* Are the kept rows those of from … to, each once, oldest first? */
static void assert_kept(const struct sweep *s, int from, int to)
{
	assert_int_equal(s->row_count, to - from + 1);
	for (int i = from; i <= to; i++) {
		const struct sweep_row *row = &s->rows[i - from];
		char id[16];

		snprintf(id, sizeof(id), "AX%d", i);
		assert_int_equal(row->created_at, at(i));
		assert_string_equal(row->id, id);
		assert_int_equal(row->len, strlen(row->body));
	}
}

static void test_stops_at_a_page_that_is_older(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 1000, .meta = true};
	assert_int_equal(sweep(&s, 851, 990), SWEEP_READ);
	assert_kept(&s, 851, 990);
	assert_int_equal(api.requests, 3);
	sweep_free(&s);
}

/* One row a page: the first page shows nothing of the order. */
static void test_order_has_to_be_seen(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 20, .meta = true, .ascending = true, .per_page_most = 1};
	assert_int_equal(sweep(&s, 15, 19), SWEEP_READ);
	assert_kept(&s, 15, 19);
	sweep_free(&s);
}

static void test_reads_all_if_order_is_not_kept(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 1000, .meta = true, .ascending = true};
	assert_int_equal(sweep(&s, 851, 1000), SWEEP_READ);
	assert_kept(&s, 851, 1000);
	assert_true(s.rose);
	assert_int_equal(api.requests, 10);
	sweep_free(&s);
}

static void test_new_rows_between_pages(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 400, .meta = true, .added = 7};
	assert_int_equal(sweep(&s, 151, 400), SWEEP_READ);
	assert_kept(&s, 151, 400);
	assert_false(s.rose);
	sweep_free(&s);
}

static void test_gaps_between_known_ones(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 500, .meta = true, .known_below = 450};
	assert_int_equal(sweep(&s, 100, 500), SWEEP_READ);
	assert_kept(&s, 450, 500);
	assert_int_equal(api.requests, 5);
	sweep_free(&s);
}

static void test_sizes_are_those_of_the_answer(void **state)
{
	struct sweep s;

	(void)state;
	for (int meta = 0; meta <= 1; meta++) {
		api = (struct api){.count = 260, .meta = meta == 1, .per_page_most = 25};
		assert_int_equal(sweep(&s, 1, 260), SWEEP_READ);
		assert_kept(&s, 1, 260);
		assert_int_equal(api.requests, meta == 1 ? 11 : 12);
		sweep_free(&s);
	}
}

static void test_empty_list(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 0};
	assert_int_equal(sweep(&s, 1, 10), SWEEP_READ);
	assert_int_equal(s.row_count, 0);
	sweep_free(&s);
}

static void test_beyond_the_window(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 12000, .meta = true, .known_below = 11900};
	assert_int_equal(sweep(&s, 1, 12000), SWEEP_INCOMPLETE);
	assert_kept(&s, 11900, 12000);
	assert_int_equal(s.oldest, at(2001));
	sweep_free(&s);
	api = (struct api){.count = 12000, .meta = true, .known_below = 11900, .filter = true};
	assert_int_equal(sweep(&s, 1, 12000), SWEEP_READ);
	assert_kept(&s, 11900, 12000);
	assert_int_equal(s.oldest, at(1));
	sweep_free(&s);
	/* the API's own window is smaller */
	api = (struct api){.count = 900, .meta = true, .window = 500};
	assert_int_equal(sweep(&s, 1, 900), SWEEP_INCOMPLETE);
	sweep_free(&s);
	api = (struct api){.count = 900, .meta = true, .window = 500, .filter = true};
	assert_int_equal(sweep(&s, 1, 900), SWEEP_READ);
	assert_kept(&s, 1, 900);
	sweep_free(&s);
}

static void test_more_than_are_kept(void **state)
{
	struct sweep s;
	int from = 1;

	(void)state;
	for (int sweeps = 1;; sweeps++) {
		bool more;

		api = (struct api){.count = 9000, .meta = true, .known_below = from};
		assert_int_equal(sweep(&s, 1, 9000), SWEEP_READ);
		assert_in_range(s.row_count, 1, SWEEP_KEPT);
		assert_kept(&s, from, from + (int)s.row_count - 1);
		from += (int)s.row_count;
		more = s.more;
		assert_int_equal(s.plan.upper, more ? at(from) - 1 : at(9000));
		sweep_free(&s);
		if (!more)
			break;
		assert_in_range(sweeps, 1, 4);
	}
	assert_int_equal(from, 9001);
}

static void test_smaller_pages(void **state)
{
	struct sweep_plan plan = {.upper = at(1000), .floor = at(1), .judge = judge};
	struct answer_list list;
	struct buf query = {0};
	struct sweep s;

	(void)state;
	api = (struct api){.count = 1000, .meta = true};
	sweep_begin(&s, &plan);
	for (int i = 1; i <= 2; i++) {
		buf_clear(&query);
		sweep_query(&s, &query);
		assert_true(answer(query.data, &list));
		assert_int_equal(sweep_take(&s, &list), SWEEP_ASK);
		answer_list_free(&list);
	}
	assert_true(sweep_shrink(&s));
	buf_clear(&query);
	sweep_query(&s, &query);
	assert_string_equal(query.data, "?page=9&per_page=25");
	assert_true(sweep_shrink(&s));
	buf_clear(&query);
	sweep_query(&s, &query);
	assert_string_equal(query.data, "?page=41&per_page=5");
	assert_false(sweep_shrink(&s));
	assert_int_equal(s.row_count, 200);
	buf_free(&query);
	sweep_free(&s);
}

static void test_what_cannot_be_judged(void **state)
{
	struct sweep s;

	(void)state;
	api = (struct api){.count = 300, .meta = true, .fail_judge_at = 120};
	assert_int_equal(sweep(&s, 1, 300), SWEEP_FAILED);
	sweep_free(&s);
	api = (struct api){.count = 300, .meta = true, .window = 50};
	assert_int_equal(sweep(&s, 1, 300), SWEEP_FAILED);
	sweep_free(&s);
}

/* ---- bodies ---- */

static void assert_body(const char *row, const char *expected)
{
	struct answer_list list;
	struct buf text = {0}, body = {0};

	buf_printf(&text, "{\"v1/events\":[%s]}", row);
	assert_int_equal(answer_read_events(text.data, text.len, &list), ANSWER_OK);
	assert_true(compose_body(&list.rows[0], &body));
	assert_string_equal(body.data, expected);
	answer_list_free(&list);
	buf_free(&text);
	buf_free(&body);
}

static void test_bodies(void **state)
{
	(void)state;
	assert_body("{\"klass\":\"v1/event\",\"id\":\"AX\",\"type\":\"t.a\",\"object\":\"t\","
		    "\"object_id\":7,\"account_id\":1,\"created_at\":\"2026-06-30T22:50:28Z\","
		    "\"entity\":\"{\\\"id\\\":7,\\\"rate\\\":1.10}\"}",
		"{\"name\":\"t.a\",\"object\":\"t\",\"object_id\":7,\"account\":{\"id\":1},"
		"\"entity\":{\"klass\":\"v1/t\",\"id\":7,\"rate\":1.10}}");
	assert_body("{\"id\":\"AX\",\"type\":\"t.a\",\"created_at\":\"2026-06-30T22:50:28Z\","
		    "\"entity\":[]}",
		"{\"name\":\"t.a\"}");
	assert_body("{\"id\":\"AX\",\"type\":\"t.a\",\"created_at\":\"never\"}",
		"{\"id\":\"AX\",\"type\":\"t.a\",\"created_at\":\"never\"}");
}

static void assert_added(const char *entity, const char *expected)
{
	static const char *const names[] = {"customer", "currency", NULL};
	json_t *more = json_pack("{s:{s:s}, s:{s:s}, s:i, s:s}", "customer", "email", "a@b.c",
		"currency", "iso", "XOF", "amount", 1, "status", "refunded");
	struct buf body = {0};

	buf_printf(&body, "{\"name\":\"t.a\",\"entity\":%s}", entity);
	assert_true(compose_add(&body, more, names));
	assert_string_equal(body.data, expected);
	buf_free(&body);
	json_decref(more);
}

static void test_what_is_added(void **state)
{
	(void)state;
	assert_added("{\"id\":7,\"status\":\"approved\"}",
		"{\"name\":\"t.a\",\"entity\":{\"id\":7,\"status\":\"approved\","
		"\"customer\":{\"email\":\"a@b.c\"},\"currency\":{\"iso\":\"XOF\"}}}");
	assert_added("{\"currency\":null, \"x\": 1.10 }",
		"{\"name\":\"t.a\",\"entity\":{\"currency\":null, \"x\": 1.10 ,"
		"\"customer\":{\"email\":\"a@b.c\"}}}");
	assert_added("{}", "{\"name\":\"t.a\",\"entity\":{\"customer\":{\"email\":\"a@b.c\"},"
			   "\"currency\":{\"iso\":\"XOF\"}}}");
	assert_added("[7]", "{\"name\":\"t.a\",\"entity\":[7]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stops_at_a_page_that_is_older),
		cmocka_unit_test(test_order_has_to_be_seen),
		cmocka_unit_test(test_reads_all_if_order_is_not_kept),
		cmocka_unit_test(test_new_rows_between_pages),
		cmocka_unit_test(test_gaps_between_known_ones),
		cmocka_unit_test(test_sizes_are_those_of_the_answer),
		cmocka_unit_test(test_empty_list),
		cmocka_unit_test(test_beyond_the_window),
		cmocka_unit_test(test_more_than_are_kept),
		cmocka_unit_test(test_smaller_pages),
		cmocka_unit_test(test_what_cannot_be_judged),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_what_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
