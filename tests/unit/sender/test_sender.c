/* The table of senders, and the events that are made up by FedaPay's row. */
#include "sender/sender.h"

#include "base/clock.h"
#include "event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#define NOW INT64_C(1782859829001)

static json_t *make(const char *type)
{
	struct sender_sample s = {.type = type, .amount = 12345, .now = NOW};
	struct buf b = {0};
	json_t *json;

	assert_true(sender_find("fedapay")->sample(&s, &b));
	for (size_t i = 0; i < b.len; i++)
		assert_true((unsigned char)b.data[i] >= ' ' && b.data[i] != 0x7f &&
			    strchr("&<>", b.data[i]) == NULL);
	json = json_loadb(b.data, b.len, 0, NULL);
	assert_non_null(json);
	buf_free(&b);
	return json;
}

static const char *text_of(json_t *event, const char *key)
{
	return json_string_value(json_object_get(json_object_get(event, "entity"), key));
}

static void statuses_follow_the_type(void **state)
{
	static const struct {
		const char *type, *status, *stamp;
	} rows[] = {
		{"transaction.created", "pending", "created_at"},
		{"transaction.approved", "approved", "approved_at"},
		{"transaction.declined", "declined", "declined_at"},
		{"transaction.canceled", "canceled", "canceled_at"},
		{"transaction.transferred", "transferred", "transferred_at"},
		{"transaction.refunded", "refunded", "refunded_at"},
		{"transaction.expired", "expired", "expired_at"},
		{"transaction.transferred_partially_refunded", "transferred_partially_refunded",
			"transferred_partially_refunded_at"},
		{"transaction.deleted", "pending", "deleted_at"},
		{"payout.sent", "sent", "sent_at"},
		{"payout.created", "pending", "created_at"},
		{"invoice.paid", "approved", "approved_at"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *event = make(rows[i].type);

		assert_string_equal(
			json_string_value(json_object_get(event, "name")), rows[i].type);
		assert_string_equal(text_of(event, "status"), rows[i].status);
		assert_non_null(text_of(event, rows[i].stamp));
		assert_int_equal(json_integer_value(json_object_get(
					 json_object_get(event, "entity"), "amount")),
			12345);
		json_decref(event);
	}
}

/* No time in an event is after the event, or before the entity was created. */
static void times_are_in_order(void **state)
{
	static const char *const types[] = {"transaction.created", "transaction.approved",
		"transaction.transferred", "payout.failed", "customer.updated", "customer.deleted"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		json_t *event = make(types[i]), *value;
		const char *created = text_of(event, "created_at"), *key;
		int64_t from, ms;

		assert_true(clock_parse(created, strlen(created), &from));
		json_object_foreach(json_object_get(event, "entity"), key, value)
		{
			size_t len = strlen(key);

			if (len < 3 || strcmp(key + len - 3, "_at") != 0 || json_is_null(value))
				continue;
			assert_true(clock_parse(
				json_string_value(value), json_string_length(value), &ms));
			assert_true(ms >= from && ms <= NOW);
		}
		json_decref(event);
	}
}

static void hookd_reads_what_is_made(void **state)
{
	struct sender_sample s = {.type = "transaction.approved", .amount = 1, .now = NOW};
	struct event one, two;
	struct buf a = {0}, b = {0};

	(void)state;
	assert_true(sender_find("fedapay")->sample(&s, &a));
	assert_true(sender_find("fedapay")->sample(&s, &b));
	assert_true(event_parse(&one, &sender_find("fedapay")->shape, a.data, a.len));
	assert_true(event_parse(&two, &sender_find("fedapay")->shape, b.data, b.len));
	assert_null(one.quarantined);
	assert_string_equal(one.type, "transaction.approved");
	assert_string_equal(one.entity_kind, "transaction");
	assert_true(one.occurred_at > NOW - 1000 && one.occurred_at <= NOW);
	assert_null(one.provider_event_id);
	assert_string_not_equal(one.state_key, two.state_key);
	assert_string_not_equal(one.idempotency_key, two.idempotency_key);
	assert_string_not_equal(one.entity_id, two.entity_id);
	event_free(&one);
	event_free(&two);
	buf_free(&a);
	buf_free(&b);
}

static void only_customers_have_no_amount(void **state)
{
	bool (*has_amount)(const char *) = sender_find("fedapay")->sample_has_amount;
	json_t *event = make("customer.created");

	(void)state;
	assert_false(has_amount("customer.created"));
	assert_true(has_amount("payout.sent"));
	assert_true(has_amount("customers"));
	assert_null(json_object_get(json_object_get(event, "entity"), "amount"));
	assert_non_null(text_of(event, "email"));
	json_decref(event);
}

/* As FedaPay was seen to send it. */
static void it_looks_like_what_is_sent(void **state)
{
	static const char *const lists[] = {"user_accounts", "users", "api_keys", "balances",
		"bank_accounts", "mobile_accounts", "card_accounts", "currencies"};
	struct sender_sample s = {.type = "transaction.approved", .amount = 5000, .now = NOW};
	struct buf b = {0};

	(void)state;
	assert_true(sender_find("fedapay")->sample(&s, &b));
	if (b.len < 6000 || b.len > 8000)
		fail_msg("%zu bytes", b.len);
	assert_non_null(memmem(b.data, b.len, "\\u0026", 6));
	assert_null(memmem(b.data, b.len, "\\/", 2));
	buf_free(&b);
	json_t *event = make("transaction.approved");
	const json_t *account = json_object_get(event, "account");
	assert_int_equal(json_object_size(event), 5);
	assert_null(json_object_get(event, "id"));
	assert_true(json_is_integer(json_object_get(event, "object_id")));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_true(json_is_array(json_object_get(account, lists[i])));
	json_decref(event);
	event = make("transaction.canceled");
	const json_t *customer = json_object_get(json_object_get(event, "entity"), "customer");
	assert_true(json_is_null(json_object_get(customer, "email")));
	assert_string_equal(json_string_value(json_object_get(customer, "lastname")), "Unknown");
	json_decref(event);
}

static struct secret *secret_of(const char *text)
{
	struct secret *secret = secret_new(text, strlen(text));

	assert_non_null(secret);
	return secret;
}

static void senders_are_found_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(sender_at(0), sender_find("fedapay"));
	assert_ptr_equal(sender_default(), sender_at(0));
	assert_null(sender_at(1));
	assert_null(sender_find("fedapa"));
	assert_null(sender_find("hookd")); /* not a scheme of the config */
	assert_string_equal(sender_find("fedapay")->proof.headers[0], "X-FEDAPAY-SIGNATURE");
	assert_null(sender_find("fedapay")->proof.headers[1]);
}

/* What the code relies on without asking. */
static void rows_are_complete(void **state)
{
	const struct sender *s;

	(void)state;
	for (size_t i = 0; (s = sender_at(i)) != NULL; i++) {
		assert_ptr_equal(sender_find(s->name), s);
		assert_non_null(s->title);
		assert_int_equal(s->path[0], '/');
		assert_non_null(s->proof.headers[0]);
		assert_null(s->proof.headers[VERIFY_HEADERS]);
		assert_true(strlen(s->proof.time_tag) > 0 && strlen(s->proof.signature_tag) > 0);
		assert_non_null(s->proof.separator);
		assert_non_null(s->modes[0].prefix);
		assert_non_null(s->modes[1].prefix);
		assert_non_null(s->api_key);
		assert_true(s->rewritings[0] != 0);
		assert_non_null(s->paid);
		assert_true(lifecycle_rank(s->states, s->paid) >= 0);
		assert_true(s->sample_has_amount(s->sample_type));
		assert_non_null(s->when_silent);
		for (const struct lifecycle_state *l = s->states; l->name != NULL; l++) {
			char before[64];

			if (l->before == NULL)
				continue;
			(void)snprintf(before, sizeof(before), "x.%s", l->before);
			assert_in_range(lifecycle_rank(s->states, before), 0, l->rank - 1);
		}
	}
}

static void secrets_are_known_by_their_prefix(void **state)
{
	static const char *const texts[] = {"wh_live_1", "wh_sandbox_1", "wh_", "sk_live_1"};
	static const char *const modes[] = {"live", "sandbox", NULL, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct secret *secret = secret_of(texts[i]);
		const struct sender_mode *mode = sender_mode_of(secret);

		assert_int_equal(mode != NULL, modes[i] != NULL);
		assert_int_equal(sender_is_secret(texts[i]), modes[i] != NULL);
		if (mode != NULL)
			assert_string_equal(mode->name, modes[i]);
		secret_free(secret);
	}
}

static void hookd_reads_its_own_events(void **state)
{
	static const char body[] = "{\"name\":\"hookd.digest\",\"id\":\"digest-2026-06-30\","
				   "\"created_at\":\"2026-06-30T22:50:29.001Z\"}";
	struct event ev;

	(void)state;
	assert_true(event_parse(&ev, &sender_own.shape, body, strlen(body)));
	assert_null(ev.quarantined);
	assert_string_equal(ev.type, "hookd.digest");
	assert_string_equal(ev.idempotency_key, "id:digest-2026-06-30");
	assert_int_equal(ev.occurred_at, 1782859829001);
	event_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders_are_found_by_name),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(secrets_are_known_by_their_prefix),
		cmocka_unit_test(hookd_reads_its_own_events),
		cmocka_unit_test(statuses_follow_the_type),
		cmocka_unit_test(times_are_in_order),
		cmocka_unit_test(hookd_reads_what_is_made),
		cmocka_unit_test(it_looks_like_what_is_sent),
		cmocka_unit_test(only_customers_have_no_amount),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
