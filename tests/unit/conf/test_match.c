/* Which hooks want an event, and why others decline it. */
#include "conf/match.h"

#include "rule/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char approved[] = "transaction.approved", all[] = "*", transactions[] = "transaction.*",
	    customers[] = "customer.*";

static void globs(void **state)
{
	(void)state;
	assert_true(match_type("transaction.approved", "transaction.approved"));
	assert_false(match_type("transaction.approved", "transaction.approved2"));
	assert_true(match_type("transaction.*", "transaction.approved"));
	assert_true(match_type("*", "a.b.c"));
	assert_true(match_type("*.approved", "a.b.approved"));
	assert_false(match_type("transaction.*", "transaction"));
	assert_true(match_type("payout.[cs]*", "payout.sent"));
	assert_false(match_type("Transaction.*", "transaction.approved"));
	assert_false(match_type("transaction", "transaction.approved"));
	assert_false(match_type("transaction.approved", "transaction"));
	assert_true(match_type("transaction.?pproved", "transaction.approved"));
	assert_true(match_type("transaction\\.approved", "transaction.approved"));
	assert_true(match_type("transaction.approved*", "transaction.approved"));
	assert_false(match_type("", "transaction"));
	assert_true(match_type("*", ""));
}

static void hooks_of_the_source_that_want_the_type(void **state)
{
	(void)state;
	struct conf_source sources[2] = {{.store_id = 1}, {.store_id = 2}};
	char *both[] = {customers, approved};
	char *any[] = {all}, *some[] = {transactions}, *others[] = {customers};
	struct conf_hook hooks[] = {
		{.source = &sources[0], .on = any, .on_count = 1, .store_id = 11},
		{.source = &sources[1], .on = any, .on_count = 1, .store_id = 12},
		{.source = &sources[0], .on = others, .on_count = 1, .store_id = 13},
		{.source = &sources[0], .on = some, .on_count = 1, .store_id = 14},
		{.source = &sources[0], .on = both, .on_count = 2, .store_id = 15},
	};
	const struct conf_hook *first[] = {&hooks[0], &hooks[2], &hooks[3], &hooks[4]};
	const struct conf_hook *second[] = {&hooks[1]};
	struct event ev = {.type = approved};
	int64_t ids[5];
	struct buf declined = {0};

	sources[0].hooks = first;
	sources[0].hook_count = 4;
	sources[1].hooks = second;
	sources[1].hook_count = 1;
	assert_int_equal(match_hooks(&sources[0], &ev, ids, &declined), 3);
	assert_int_equal(ids[0], 11);
	assert_int_equal(ids[1], 14);
	assert_int_equal(ids[2], 15);
	assert_int_equal(match_hooks(&sources[1], &ev, ids, &declined), 1);
	assert_int_equal(ids[0], 12);
	ev.quarantined = "no type";
	assert_int_equal(match_hooks(&sources[0], &ev, ids, &declined), 0);
	ev = (struct event){0};
	assert_int_equal(match_hooks(&sources[0], &ev, ids, &declined), 0);
	assert_int_equal(declined.len, 0);
}

static struct condition *amount_at_least(const char *least)
{
	char what[200], text[32];
	struct fault fault;
	struct condition_operand operand = {.text = text, .plain = true};
	struct condition *c;

	(void)snprintf(text, sizeof(text), "%s", least);
	c = condition_test(path_parse("amount", 6, &fault), CONDITION_GTE, &operand, 1, what);
	assert_non_null(c);
	return c;
}

static void hooks_that_decline_say_why(void **state)
{
	(void)state;
	struct conf_source source = {.store_id = 1};
	char *any[] = {all}, *others[] = {customers};
	char much[] = "much", little[] = "little", other[] = "other";
	struct conf_hook hooks[] = {
		{.name = much,
			.source = &source,
			.on = any,
			.on_count = 1,
			.store_id = 11,
			.when = amount_at_least("100")},
		{.name = little,
			.source = &source,
			.on = any,
			.on_count = 1,
			.store_id = 12,
			.when = amount_at_least("10")},
		{.name = other,
			.source = &source,
			.on = others,
			.on_count = 1,
			.store_id = 13,
			.when = amount_at_least("100")},
	};
	const struct conf_hook *list[] = {&hooks[0], &hooks[1], &hooks[2]};
	struct event ev = {
		.type = approved, .document = json_pack("{s:i}", "amount", 50), .parsed = true};
	struct buf declined = {0};
	int64_t ids[3];

	source.hooks = list;
	source.hook_count = 3;
	assert_int_equal(match_hooks(&source, &ev, ids, &declined), 1);
	assert_int_equal(ids[0], 12);
	/* a hook for other types gives no reason */
	assert_memory_equal(declined.data, "much\tamount is 50", strlen("much\tamount is 50"));
	assert_ptr_equal(strchr(declined.data, '\n'), declined.data + declined.len - 1);
	buf_free(&declined);
	json_decref(ev.document);
	for (int i = 0; i < 3; i++)
		condition_free(hooks[i].when);
}

/* Reasons beyond MATCH_DECLINED are dropped; the hooks are found all the same. */
static void with_many_hooks(void **state)
{
	(void)state;
	enum { MANY = 2000 };
	static struct conf_hook hooks[MANY];
	static const struct conf_hook *list[MANY];
	static int64_t ids[MANY];
	struct conf_source source = {.hooks = list, .hook_count = MANY};
	char *any[] = {all};
	char name[] = "shop";
	struct condition *much = amount_at_least("100"), *little = amount_at_least("10");
	struct event ev = {
		.type = approved, .document = json_pack("{s:i}", "amount", 50), .parsed = true};
	struct buf declined = {0};

	for (int i = 0; i < MANY; i++) {
		hooks[i] = (struct conf_hook){.name = name,
			.source = &source,
			.on = any,
			.on_count = 1,
			.store_id = i,
			.when = i % 2 == 0 ? much : little};
		list[i] = &hooks[i];
	}
	assert_int_equal(match_hooks(&source, &ev, ids, &declined), MANY / 2);
	for (int i = 0; i < MANY / 2; i++)
		assert_int_equal(ids[i], 2 * i + 1);
	assert_true(buf_ok(&declined));
	assert_in_range(declined.len, MATCH_DECLINED, MATCH_DECLINED + MATCH_REASON + 8);
	buf_free(&declined);
	json_decref(ev.document);
	condition_free(much);
	condition_free(little);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs),
		cmocka_unit_test(hooks_of_the_source_that_want_the_type),
		cmocka_unit_test(hooks_that_decline_say_why),
		cmocka_unit_test(with_many_hooks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
