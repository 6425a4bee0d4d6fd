/* A payload that the disk has changed is reported, and repaired when the same event comes again. */
#include "fixture.h"
#include "store/checksum.h"
#include "store/import.h"
#include "store/maintenance.h"
#include "store/read.h"

/* Computed with another SipHash-2-4, which passes the paper's test vector (appendix A). */
static void test_it_is_siphash(void **state)
{
	(void)state;
	assert_true(store_checksum("", 0) == (int64_t)UINT64_C(0xfe65dcb006d48c4f));
	assert_true(store_checksum(NULL, 0) == (int64_t)UINT64_C(0xfe65dcb006d48c4f));
	assert_true(store_checksum("{}", 2) == (int64_t)UINT64_C(0x13440be5f39fe0c5));
	assert_true(store_checksum("{\"id\":1}", 8) == (int64_t)UINT64_C(0x156b0b4046d9dea2));
}

static struct store_put put(struct fixture *fx, const char *key, const char *payload, size_t hooks)
{
	char copy[64];
	(void)snprintf(copy, sizeof(copy), "%s", key);
	struct event ev = fx_event(fx, copy, payload, strlen(payload));
	struct store_put p = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = hooks};

	(void)store_wait(fx->st, &p.op);
	p.event = NULL;
	return p;
}

static void damage(const struct fixture *fx)
{
	fx_exec(fx->path, "UPDATE events SET payload = x'7b7c' WHERE idempotency_key = 'id:1'");
}

static void count_fault(void *arg, enum store_fault kind, const char *fault)
{
	char *seen = arg;

	assert_int_equal(kind, STORE_FAULT_PAYLOAD);
	(void)snprintf(seen + strlen(seen), 200 - strlen(seen), "%s\n", fault);
}

static bool no_progress(void *arg, int64_t done, int64_t all)
{
	(void)arg, (void)done, (void)all;
	return true;
}

static void assert_check(const struct fixture *fx, bool full, const char *faults)
{
	char why[STORE_READ_WHY], seen[200] = "";
	struct store_reader *r = store_reader_open(fx->path, why);

	assert_non_null(r);
	assert_true(store_check(r, full, count_fault, no_progress, seen, why));
	assert_string_equal(seen, faults);
	store_reader_close(r);
}

static void see_damage(void *arg, const struct store_event_row *row)
{
	int *damaged = arg;

	*damaged = row->damaged;
}

static int is_damaged(const struct fixture *fx, int64_t event)
{
	char why[STORE_READ_WHY];
	int damaged = -1;
	struct store_reader *r = store_reader_open(fx->path, why);

	assert_non_null(r);
	assert_true(store_read_event(r, event, see_damage, &damaged, why));
	store_reader_close(r);
	return damaged;
}

static void test_damage_is_reported(void **state)
{
	struct fixture *fx = *state;
	struct store_put first = put(fx, "id:1", "{}", 1), second = put(fx, "id:2", "", 1);

	assert_check(fx, true, "");
	damage(fx);
	assert_int_equal(is_damaged(fx, first.event_id), 1);
	assert_int_equal(is_damaged(fx, second.event_id), 0);
	assert_check(fx, false, "");
	assert_check(fx, true, "event 1: its payload is not what was received\n");
	struct store_claim c = fx_claim(fx, 1, 5);
	assert_int_equal(c.job_count, 2);
	assert_true(c.jobs[0]->damaged);
	assert_false(c.jobs[1]->damaged);
	fx_claim_free(&c);
}

static void test_the_same_event_again_repairs_it(void **state)
{
	struct fixture *fx = *state;
	struct store_put first = put(fx, "id:1", "{}", 1);

	damage(fx);
	/* Another body with its key is still a conflict. */
	struct store_put other = put(fx, "id:1", "{ }", 1);
	assert_int_equal(other.op.result, STORE_DUPLICATE);
	assert_true(other.conflict);
	assert_int_equal(is_damaged(fx, first.event_id), 1);
	assert_false(other.repaired);
	struct store_put again = put(fx, "id:1", "{}", 1);
	assert_int_equal(again.op.result, STORE_DUPLICATE);
	assert_true(again.repaired);
	assert_false(again.conflict);
	assert_int_equal(again.event_id, first.event_id);
	assert_int_equal(is_damaged(fx, first.event_id), 0);
	assert_check(fx, true, "");
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE payload = x'7b7d'"
				       " AND duplicates = 1 AND conflicts = 1"),
		1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 1);
}

static void test_a_damaged_checksum_is_repaired_too(void **state)
{
	struct fixture *fx = *state;

	(void)put(fx, "id:1", "{}", 1);
	fx_exec(fx->path, "UPDATE events SET checksum = checksum + 1");
	assert_check(fx, true, "event 1: its payload is not what was received\n");
	assert_true(put(fx, "id:1", "{}", 1).repaired);
	assert_check(fx, true, "");
	assert_false(put(fx, "id:1", "{}", 1).repaired);
}

/* What came in is unknown for events stored before schema 3. */
static void test_without_a_checksum_nothing_is_known(void **state)
{
	struct fixture *fx = *state;

	(void)put(fx, "id:1", "{}", 1);
	fx_exec(fx->path, "UPDATE events SET payload = x'7b7c', checksum = NULL WHERE "
			  "idempotency_key = 'id:1'");
	assert_true(put(fx, "id:1", "{}", 1).conflict);
	assert_check(fx, true, "");
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE payload = x'7b7c'"), 1);
}

static enum store_imported import(const struct fixture *fx, const char *payload)
{
	char key[] = "id:1";
	struct event ev = fx_event(fx, key, payload, strlen(payload));
	struct store_imported_event one = {.event = &ev};
	struct store_import i = {.op.kind = STORE_OP_IMPORT, .list = &one, .count = 1};

	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	return one.result;
}

static void test_imported_events_have_it_and_repair(void **state)
{
	struct fixture *fx = *state;

	assert_int_equal(import(fx, "{}"), STORE_IMPORT_NEW);
	assert_int_equal(import(fx, "{}"), STORE_IMPORT_THERE);
	damage(fx);
	assert_check(fx, true, "event 1: its payload is not what was received\n");
	assert_int_equal(import(fx, "{ }"), STORE_IMPORT_CONFLICT);
	assert_int_equal(import(fx, "{}"), STORE_IMPORT_REPAIRED);
	assert_check(fx, true, "");
	assert_int_equal(import(fx, "{}"), STORE_IMPORT_THERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_siphash),
		cmocka_unit_test_setup_teardown(test_damage_is_reported, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_the_same_event_again_repairs_it, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_a_damaged_checksum_is_repaired_too, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_without_a_checksum_nothing_is_known, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_imported_events_have_it_and_repair, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
