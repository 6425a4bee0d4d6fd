/* Lists of events and deliveries: each filter selects exactly what it should, in order, across
 * pages, and finds it without walking through the store. */
#include "plan_fixture.h"
#include "store/read.h"
#include "store/stats.h"
#include "store/status.h"

#include <stdlib.h>

#define EVENTS      "5000"
#define IDS_MAX     20000
#define A_PAGE      20
#define STEPS_A_ROW 400L /* of SQLite's virtual machine, for a row with its counts */

static struct list {
	int64_t ids[IDS_MAX];
	size_t count;
} listed, expected;

/* 5,000 events, 100 ms apart, of two sources; one in 500 of a rare type, each fifth of
 * entity 77; for each a delivery of alpha that is DONE, and of beta, of which some are
 * not. */
static int make(void **state)
{
	int rc = fx_make_open(state);
	struct fixture *fx = *state;

	(void)fx_name(fx->st, STORE_NAME_SOURCE, "rare");
	fx_close(fx);
	fx_exec(fx->path,
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < " EVENTS
		")"
		" INSERT INTO events(source_id, idempotency_key, type, entity_kind, entity_id,"
		" received_at, origin, remote_addr, quarantined, payload)"
		" SELECT 1 + (i % 1000 = 7), 'k' || i, CASE WHEN i % 500 = 3 THEN 'payout.sent'"
		" WHEN i % 700 = 5 THEN NULL WHEN i % 2 = 0 THEN 'transaction.approved'"
		" ELSE 'transaction.created' END, iif(i % 10 = 0, 'customer', 'transaction'),"
		" CASE WHEN i % 5 = 0 THEN '77' ELSE 'e' || i END,"
		" 1000000 + i * 100, 'webhook', 'unix', iif(i % 700 = 5, 'no type', NULL),"
		" CAST('{\"n\":' || i || '}' AS BLOB) FROM c;"
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, ended_at)"
		" SELECT id, 1, 'DONE', received_at, received_at FROM events;"
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, ended_at)"
		" SELECT id, 2, CASE WHEN id % 400 = 1 THEN 'DEAD' WHEN id % 300 = 2 THEN"
		" 'SKIPPED' WHEN id % 600 = 4 THEN 'READY' WHEN id % 1500 = 6 THEN 'RUNNING'"
		" ELSE 'DONE' END, received_at, CASE WHEN id % 600 <> 4 AND id % 1500 <> 6 THEN"
		" received_at END FROM events;"
		"UPDATE deliveries SET blocked_by = 1 WHERE state = 'READY' AND event_id % 1200 = "
		"4;"
		"UPDATE deliveries SET replayed_by = 1 WHERE state = 'DEAD' AND event_id % 800 = "
		"1");
	return rc;
}

static void see_event(void *arg, const struct store_event_row *row)
{
	struct list *l = arg;

	assert_in_range(l->count, 0, IDS_MAX - 1);
	l->ids[l->count++] = row->id;
}

static void see_delivery(void *arg, const struct store_listed *row)
{
	struct list *l = arg;

	assert_in_range(l->count, 0, IDS_MAX - 1);
	assert_true(row->event > 0);
	l->ids[l->count++] = row->delivery.id;
}

static int see_row(void *arg, int count, char **texts, char **names)
{
	struct list *l = arg;

	(void)names;
	assert_int_equal(count, 1);
	assert_in_range(l->count, 0, IDS_MAX - 1);
	l->ids[l->count++] = strtoll(texts[0], NULL, 10);
	return 0;
}

/* The same by a plain, untuned statement. */
static void expect(const struct fixture *fx, bool deliveries, const char *where)
{
	char sql[1024];
	sqlite3 *db;

	expected.count = 0;
	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM events e %s WHERE %s ORDER BY %s",
		deliveries ? "d.id" : "e.id",
		deliveries ? "JOIN deliveries d ON d.event_id = e.id" : "", where,
		deliveries ? "d.id DESC" : "e.id DESC");
	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, see_row, &expected, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static void read_list(struct store_reader *r, bool deliveries, const struct store_filter *f)
{
	char why[STORE_READ_WHY] = "";
	bool good = deliveries ? store_list_deliveries(r, f, see_delivery, &listed, why)
			       : store_read_events(r, f, see_event, &listed, why);

	if (!good)
		fail_msg("%s", why);
}

static int by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* Deliveries found through events are in the events' order: only the set is compared. */
static void compare(const char *where, bool ordered)
{
	if (!ordered)
		qsort(listed.ids, listed.count, sizeof(listed.ids[0]), by_number);
	if (listed.count != expected.count ||
		memcmp(listed.ids, expected.ids, listed.count * sizeof(listed.ids[0])) != 0)
		fail_msg("%s: %zu found, %zu expected", where, listed.count, expected.count);
}

static const struct {
	const char *where; /* over e; and for lists of deliveries over d too */
	struct store_filter filter;
	const char *of_delivery; /* NULL: `where` is for both */
} cases[] = {
	{"1", {.limit = 0}, NULL},
	{"e.type GLOB 'transaction.*'", {.type = "transaction.*"}, NULL},
	{"e.type = 'payout.sent'", {.type = "payout.sent"}, NULL},
	{"e.type GLOB '*.[ac]*'", {.type = "*.[ac]*"}, NULL},
	{"0", {.type = "nothing.*"}, NULL},
	{"e.source_id = 2", {.source = "rare"}, NULL},
	{"0", {.source = "nobody"}, NULL},
	{"e.entity_id = '77'", {.entity_id = "77"}, NULL},
	{"e.entity_id = '77' AND e.entity_kind = 'customer'",
		{.entity_id = "77", .entity_kind = "customer"}, NULL},
	{"e.received_at >= 1400000", {.since = 1400000}, NULL},
	{"e.received_at >= 1200000 AND e.received_at < 1300000",
		{.since = 1200000, .until = 1300000}, NULL},
	{"e.received_at < 1300000 AND e.type = 'payout.sent'",
		{.type = "payout.sent", .until = 1300000}, NULL},
	{"e.source_id = 2 AND e.received_at < 1300000", {.source = "rare", .until = 1300000}, NULL},
	{"e.entity_id = '77' AND e.received_at >= 1400000", {.entity_id = "77", .since = 1400000},
		NULL},
	{"e.id < 700 AND e.id > 400", {.before = 700, .after = 400}, "d.id < 700 AND d.id > 400"},
	{"e.id > 4900 AND e.type GLOB 'transaction.*'", {.after = 4900, .type = "transaction.*"},
		"d.id > 4900 AND e.type GLOB 'transaction.*'"},
	{"CAST(e.payload AS TEXT) LIKE '%:123%'", {.text = ":123"}, NULL},
	{"e.id IN (SELECT event_id FROM deliveries d WHERE d.state = 'DEAD' AND replayed_by IS"
	 " NULL)",
		{.state = "DEAD"}, "d.state = 'DEAD' AND d.replayed_by IS NULL"},
	{"e.id IN (SELECT event_id FROM deliveries d WHERE d.state = 'READY')", {.state = "READY"},
		"d.state = 'READY'"},
	{"e.id IN (SELECT event_id FROM deliveries d WHERE d.state = 'RUNNING')",
		{.state = "RUNNING"}, "d.state = 'RUNNING'"},
	{"e.id IN (SELECT event_id FROM deliveries d WHERE d.state = 'SKIPPED')",
		{.state = "SKIPPED"}, "d.state = 'SKIPPED'"},
	{"1", {.state = "DONE"}, "d.state = 'DONE'"},
	{"0", {.state = "DEAD", .hook = "alpha"}, "0"},
	{"e.id IN (SELECT event_id FROM deliveries d WHERE d.state = 'READY')",
		{.state = "READY", .hook = "beta"}, "d.state = 'READY'"},
	{"1", {.hook = "beta"}, "d.hook_id = 2"},
	{"0", {.hook = "nosuch"}, "0"},
	{"e.type = 'payout.sent' AND e.id IN (SELECT event_id FROM deliveries d WHERE d.state ="
	 " 'READY')",
		{.state = "READY", .type = "payout.sent"},
		"e.type = 'payout.sent' AND d.state = 'READY'"},
	{"e.received_at < 1300000 AND e.id IN (SELECT event_id FROM deliveries d WHERE d.state ="
	 " 'SKIPPED')",
		{.state = "SKIPPED", .until = 1300000},
		"e.received_at < 1300000 AND d.state = 'SKIPPED'"},
	{"e.entity_id = '77' AND e.id IN (SELECT event_id FROM deliveries d WHERE d.state ="
	 " 'DEAD' AND replayed_by IS NULL)",
		{.state = "DEAD", .entity_id = "77"},
		"e.entity_id = '77' AND d.state = 'DEAD' AND d.replayed_by IS NULL"},
};

static const char *where_of(size_t i, bool deliveries)
{
	return deliveries && cases[i].of_delivery != NULL ? cases[i].of_delivery : cases[i].where;
}

static void each_filter_selects_the_same_across_pages(void **state)
{
	static const unsigned pages[] = {7, 1000, IDS_MAX};
	const struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);

	assert_non_null(r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		bool deliveries = i % 2 == 1;
		const char *where = where_of(i / 2, deliveries);

		expect(fx, deliveries, where);
		for (size_t p = 0; p < sizeof(pages) / sizeof(pages[0]); p++) {
			struct store_filter f = cases[i / 2].filter;
			size_t before;

			if (expected.count / pages[p] > 50)
				continue;
			listed.count = 0;
			f.limit = pages[p];
			do {
				before = listed.count;
				read_list(r, deliveries, &f);
				f.skip += pages[p];
			} while (listed.count > before);
			compare(where, !deliveries);
		}
	}
	store_reader_close(r);
}

static void the_oldest_come_first_when_asked(void **state)
{
	const struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);

	assert_non_null(r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		struct store_filter f = cases[i / 2].filter;
		bool deliveries = i % 2 == 1;

		expect(fx, deliveries, where_of(i / 2, deliveries));
		f.limit = IDS_MAX;
		f.oldest_first = true;
		listed.count = 0;
		read_list(r, deliveries, &f);
		for (size_t j = 1; j < listed.count; j++)
			assert_true(deliveries || listed.ids[j - 1] < listed.ids[j]);
		compare(where_of(i / 2, deliveries), false);
	}
	store_reader_close(r);
}

/* The last event of each entity of a kind, by a plain statement. */
static const char of_transactions[] =
	"e.entity_kind = 'transaction' AND e.type GLOB 'transaction.*' AND NOT EXISTS (SELECT 1"
	" FROM events l WHERE l.entity_id = e.entity_id AND l.entity_kind = e.entity_kind AND"
	" l.source_id = e.source_id AND l.type GLOB 'transaction.*' AND l.id > e.id)";

static void compare_entities(const struct fixture *fx, const char *was, const char *also)
{
	char why[STORE_READ_WHY], where[1024];
	struct store_reader *r = store_reader_open(fx->path, why);
	struct store_filter f = {.limit = 1000, .was = was};
	size_t before;

	assert_non_null(r);
	(void)snprintf(where, sizeof(where), "%s%s", of_transactions, also);
	expect(fx, false, where);
	listed.count = 0;
	do {
		before = listed.count;
		assert_true(store_list_entities(r, "transaction", &f, see_event, &listed, why));
		f.skip += f.limit;
	} while (listed.count > before);
	compare("entities", true);
	store_reader_close(r);
}

static void each_entity_once_with_its_last_event(void **state)
{
	compare_entities(*state, NULL, "");
}

static void entities_that_were_in_a_state(void **state)
{
	compare_entities(*state, "approved", " AND e.type = 'transaction.approved'");
	compare_entities(*state, "Created", " AND e.type = 'transaction.created'");
	compare_entities(*state, "proved", " AND 0");
	compare_entities(*state, "", " AND 0");
}

static int64_t steps_made;

static int traced(unsigned kind, void *arg, void *statement, void *text)
{
	const char *sql = sqlite3_sql(statement);

	if (plan_is_of_schema(sqlite3_db_handle(statement), sql))
		return 0;
	if (kind == SQLITE_TRACE_STMT)
		return plan_traced(kind, arg, statement, text);
	steps_made += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
	if (sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 0) != 0)
		fail_msg("sorts: %s", sql);
	return 0;
}

static int opened(sqlite3 *db, const char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, traced, NULL);
}

static void see_stats(void *arg, const struct store_stats *row)
{
	(void)arg;
	assert_true(row->events + row->done + row->dead + row->skipped + row->waiting > 0);
}

static void see_source(void *arg, const struct store_status_source *row)
{
	(void)arg;
	assert_true(row->last > 0);
}

static void see_paused(void *arg, const struct store_status_paused *row)
{
	(void)arg;
	fail_msg("%s is not paused", row->hook);
}

/* Among 5,000 events: a walk through them would take at least three steps for each. */
static void a_page_costs_what_it_shows(void **state)
{
	const struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct store_status status;
	struct store_reader *r;

	plans_seen = 0;
	assert_int_equal(sqlite3_auto_extension((void (*)(void))opened), SQLITE_OK);
	r = store_reader_open(fx->path, why);
	assert_non_null(r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
		struct store_filter f = cases[i / 2].filter;

		/* These have to read what is in between. */
		if (f.text != NULL || f.hook != NULL ||
			(f.entity_id != NULL && (f.since != 0 || f.state != NULL)))
			continue;
		f.limit = A_PAGE;
		listed.count = 0;
		steps_made = 0;
		read_list(r, i % 2 == 1, &f);
		if (steps_made > (A_PAGE + 5) * STEPS_A_ROW)
			fail_msg("%s: %lld steps for %zu rows", where_of(i / 2, i % 2 == 1),
				(long long)steps_made, listed.count);
	}
	for (size_t i = 0; i < 3; i++) {
		const struct store_filter f = {.limit = A_PAGE, .was = i == 2 ? "approved" : NULL};

		listed.count = 0;
		steps_made = 0;
		assert_true(store_list_entities(
			r, i == 1 ? "payout" : "transaction", &f, see_event, &listed, why));
		assert_in_range(steps_made, 1, (A_PAGE + 5) * STEPS_A_ROW);
	}
	steps_made = 0;
	assert_true(store_read_entity(r, "transaction", "e4444", see_event, &listed, why));
	assert_in_range(steps_made, 1, STEPS_A_ROW);
	assert_true(store_stats_between(r, 1200000, 1300000, see_stats, NULL, why));
	assert_true(store_stats_types(r, 1200000, 1300000, see_stats, NULL, why));
	assert_true(store_stats_hooks(r, 1200000, 1300000, see_stats, NULL, why));
	assert_true(store_status(r, 1300000, &status, why));
	assert_int_equal(status.events, 5000);
	assert_true(store_status_sources(r, see_source, NULL, why));
	assert_true(store_status_paused(r, see_paused, NULL, why));
	store_reader_close(r);
	assert_in_range(plan_watch_end(), 40, 500); /* statements */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_filter_selects_the_same_across_pages),
		cmocka_unit_test(the_oldest_come_first_when_asked),
		cmocka_unit_test(each_entity_once_with_its_last_event),
		cmocka_unit_test(entities_that_were_in_a_state),
		cmocka_unit_test(a_page_costs_what_it_shows),
	};

	return cmocka_run_group_tests(tests, make, fx_remove);
}
