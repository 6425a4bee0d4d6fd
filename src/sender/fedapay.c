/* sender/fedapay.c - all that hookd knows about FedaPay: its row, and the events that `hookctl
 * send` and `hookctl test` make up. */
#include "base/clock.h"
#include "base/json.h"
#include "rows.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the row ---- */

static const struct sender_mode modes[] = {
	{"wh_sandbox_", "sandbox"},
	{"wh_live_", "live"},
	{NULL, NULL},
};

/* On one line, with / and everything outside ASCII escaped. */
#define WRITTEN ((size_t)(JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH))

/* Bodies with escaped slashes and with plain ones have been seen. */
static const size_t rewritings[] = {WRITTEN, JSON_COMPACT | JSON_ENSURE_ASCII, JSON_COMPACT, 0};

static const struct event_member entity_members[] = {
	EVENT_VALUE("id", EVENT_FIELD_ENTITY_ID),
	EVENT_VALUE("klass", EVENT_FIELD_KIND_CLASS),
	EVENT_VALUE("updated_at", EVENT_FIELD_UPDATED_AT),
	EVENT_END,
};

/* The API has "type" where webhooks have "name". */
static const struct event_member body_members[] = {
	EVENT_VALUE("id", EVENT_FIELD_ID),
	EVENT_VALUE("name", EVENT_FIELD_TYPE),
	EVENT_VALUE("type", EVENT_FIELD_TYPE_ELSE),
	EVENT_VALUE("object", EVENT_FIELD_KIND),
	EVENT_VALUE("object_id", EVENT_FIELD_ENTITY_ID_ELSE),
	EVENT_VALUE("created_at", EVENT_FIELD_CREATED_AT),
	EVENT_OBJECT("entity", entity_members),
	EVENT_END,
};

static const struct lifecycle_state states[] = {
	{"created", 0, NULL, false},
	{"pending", 0, NULL, false},
	{"started", 1, "created", false},
	{"processing", 1, "created", false},
	{"approved", 2, "created", true},
	{"declined", 2, "created", true},
	{"canceled", 2, "created", true},
	{"expired", 2, "created", true},
	{"sent", 2, "created", true},
	{"failed", 2, "created", true},
	{"transferred", 3, "approved", false},
	{"refunded", 3, "approved", false},
	{"deleted", 4, "created", false},
	{NULL, 0, NULL, false},
};

static bool make_event(const struct sender_sample *s, struct buf *out);
static bool has_amount(const char *type);

const struct sender sender_fedapay = {
	.name = "fedapay",
	.title = "FedaPay",
	.path = "/webhooks/fedapay",
	.proof =
		{
			.headers = {"X-FEDAPAY-SIGNATURE"},
			.time_tag = "t=",
			.signature_tag = "s=",
			.separator = ".",
		},
	.modes = modes,
	.api_key = "sk_",
	.rewritings = rewritings,
	.shape =
		{
			.members = body_members,
			.entity = "entity",
			.payment =
				{
					.id = "id",
					.reference = "reference",
					.reference_else = "merchant_reference",
					.amount = "amount",
					.fees = "fees",
					.mode = "mode",
					.currency = "currency",
					.currency_code = "iso",
					.customer = "customer",
					.full_name = "full_name",
					.first_name = "firstname",
					.last_name = "lastname",
					.email = "email",
				},
		},
	.states = states,
	.paid = "transaction.approved",
	.sample_type = "transaction.approved",
	.sample_amount = 5000,
	.sample_has_amount = has_amount,
	.sample = make_event,
	.when_silent = "FedaPay disables one after\n"
		       "    ten failures in a row (dashboard, Webhooks).",
};

/* ---- made-up events ---- */

#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)
#define FEE    18 /* per mille, as "commission" says */

#define ACCOUNT 37140

static const struct person {
	const char *first, *last, *email;
} people[] = {
	{"Awa", "Dossou", "awa.dossou@example.com"},
	{"Sènami", "Hounkpè", "senami.hounkpe@example.com"},
	{"Koffi", "Adjovi", "koffi.adjovi@example.com"},
	{"Fatoumata", "Traoré", "fatoumata.traore@example.com"},
	{"Kouamé", "N'Guessan", "kouame.nguessan@example.com"},
};

/* A transaction by the last word of the event's type; the last row is for all others. */
static const struct transaction {
	const char *suffix, *status;
	bool approved;
	const char *stamp; /* the …_at member that this event sets, besides approved_at */
} transactions[] = {
	{"created", "pending", false, NULL},
	{"approved", "approved", true, NULL},
	{"declined", "declined", false, "declined_at"},
	{"canceled", "canceled", false, "canceled_at"},
	{"transferred", "transferred", true, "transferred_at"},
	{"refunded", "refunded", true, "refunded_at"},
	{"expired", "expired", false, NULL},
	{"deleted", "pending", false, "deleted_at"},
	{NULL, "approved", true, NULL},
};

static const struct {
	const char *suffix, *status, *stamp;
} payouts[] = {
	{"scheduled", "scheduled", "scheduled_at"},
	{"started", "started", NULL},
	{"processing", "processing", NULL},
	{"sent", "sent", "sent_at"},
	{"failed", "failed", "failed_at"},
	{"deleted", "pending", "deleted_at"},
	{NULL, "pending", NULL},
};

/* The times of one event, earliest first. */
struct moments {
	int64_t registered; /* of the customer */
	int64_t created;
	int64_t approved;
	int64_t changed; /* when what the event reports happened */
	int64_t updated;
};

static json_int_t random_id(json_int_t from, json_int_t to)
{
	uint64_t bits;

	randombytes_buf(&bits, sizeof(bits));
	return from + (json_int_t)(bits % (uint64_t)(to - from));
}

static json_t *time_or_null(int64_t ms)
{
	char text[CLOCK_TEXT];

	if (ms == 0)
		return json_null();
	clock_format(ms, text);
	return json_string(text);
}

/* What follows the type's last dot. */
static const char *suffix_of(const char *type)
{
	const char *dot = strrchr(type, '.');

	return dot != NULL ? dot + 1 : "";
}

static const char *kind_of(const char *type)
{
	static const char *const kinds[] = {"customer", "payout"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(type, kinds[i], len) == 0 && type[len] == '.')
			return kinds[i];
	}
	return "transaction";
}

static bool has_amount(const char *type)
{
	return strcmp(kind_of(type), "customer") != 0;
}

static json_t *make_customer(const struct moments *m, bool deleted)
{
	const struct person *p = &people[randombytes_uniform(sizeof(people) / sizeof(people[0]))];
	char full[64];

	snprintf(full, sizeof(full), "%s %s", p->first, p->last);
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o}", "klass",
		"v1/customer", "id", random_id(1000000, 10000000), "firstname", p->first,
		"lastname", p->last, "full_name", full, "email", p->email, "account_id", ACCOUNT,
		"created_at", time_or_null(m->registered), "updated_at",
		time_or_null(m->registered), "deleted_at", time_or_null(deleted ? m->changed : 0));
}

/* In an event about a customer the change was made just now; the customer of a transaction
 * registered long before. */
static json_t *make_customer_entity(const char *suffix, const struct moments *m)
{
	struct moments own = *m;
	json_t *customer;

	if (strcmp(suffix, "created") == 0)
		own.registered = m->updated;
	customer = make_customer(&own, strcmp(suffix, "deleted") == 0);
	if (customer == NULL)
		return NULL;
	if (json_object_set_new(customer, "updated_at", time_or_null(m->updated)) != 0) {
		json_decref(customer);
		return NULL;
	}
	return customer;
}

static json_t *make_payment_method(void)
{
	char number[24];

	snprintf(number, sizeof(number), "229970%05" PRIu32, randombytes_uniform(100000));
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "klass", "v1/payment_method", "id",
		random_id(100000000, 1000000000), "brand", "mtn_open", "country", "BJ", "number",
		number, "method", "phone");
}

static json_t *make_reference(const char *prefix, int64_t created)
{
	char text[64];

	snprintf(text, sizeof(text), "%s_%c%c%c_%" PRId64, prefix,
		(char)('A' + randombytes_uniform(26)), (char)('A' + randombytes_uniform(26)),
		(char)('A' + randombytes_uniform(26)), created);
	return json_string(text);
}

static json_t *make_order(json_t **description)
{
	char text[64], number[16];

	snprintf(number, sizeof(number), "%" PRIu32, 1000 + randombytes_uniform(9000));
	snprintf(text, sizeof(text), "Commande n° %s", number);
	*description = json_string(text);
	return json_pack("{s:s}", "order_id", number);
}

static json_t *make_transaction(
	const char *suffix, const struct sender_sample *s, const struct moments *m)
{
	const struct transaction *life = transactions;
	int64_t fees = s->amount / 1000 * FEE + s->amount % 1000 * FEE / 1000;
	json_t *description, *order = make_order(&description), *t;
	bool tried;

	while (life->suffix != NULL && strcmp(life->suffix, suffix) != 0)
		life++;
	tried = strcmp(life->status, "pending") != 0;
	t = json_pack("{s:s, s:I, s:o, s:I, s:o, s:n, s:s, s:I, s:i, s:s?, s:s, s:{}, s:o, s:n}",
		"klass", "v1/transaction", "id", random_id(100000000000, 1000000000000),
		"reference", make_reference("trx", m->created), "amount", (json_int_t)s->amount,
		"description", description, "callback_url", "status", life->status, "customer_id",
		(json_int_t)0, "currency_id", 1, "mode", tried ? "mtn_open" : NULL, "operation",
		"payment", "metadata", "custom_metadata", order, "merchant_reference");
	if (t == NULL)
		return NULL;
	if (life->approved)
		json_object_update_new(
			t, json_pack("{s:s, s:I, s:i, s:I, s:I}", "commission", "0.018", "fees",
				   (json_int_t)fees, "fixed_commission", 0, "amount_transferred",
				   (json_int_t)(s->amount - fees), "amount_debited",
				   (json_int_t)s->amount));
	else
		json_object_update_new(
			t, json_pack("{s:n, s:n, s:i, s:n, s:n}", "commission", "fees",
				   "fixed_commission", 0, "amount_transferred", "amount_debited"));
	json_object_update_new(
		t, json_pack("{s:o, s:o, s:o, s:n, s:n, s:n, s:n, s:n, s:s?, s:n}", "created_at",
			   time_or_null(m->created), "updated_at", time_or_null(m->updated),
			   "approved_at", time_or_null(life->approved ? m->approved : 0),
			   "canceled_at", "declined_at", "refunded_at", "transferred_at",
			   "deleted_at", "last_error_code",
			   strcmp(life->status, "declined") == 0 ? "INSUFFICIENT_FUNDS" : NULL,
			   "receipt_url"));
	if (life->stamp != NULL)
		json_object_set_new(t, life->stamp, time_or_null(m->changed));
	json_object_set_new(t, "transaction_key",
		json_sprintf("820%014lld", (long long)random_id(0, 100000000000000)));
	json_object_set_new(t, "currency", json_pack("{s:s}", "iso", "XOF"));
	json_object_set_new(t, "customer", make_customer(m, false));
	json_object_set_new(t, "payment_method", tried ? make_payment_method() : json_null());
	json_object_set(t, "customer_id", json_object_get(json_object_get(t, "customer"), "id"));
	return t;
}

static json_t *make_payout(
	const char *suffix, const struct sender_sample *s, const struct moments *m)
{
	size_t i = 0;
	json_t *p;

	while (payouts[i].suffix != NULL && strcmp(payouts[i].suffix, suffix) != 0)
		i++;
	p = json_pack(
		"{s:s, s:I, s:o, s:I, s:s, s:I, s:i, s:s, s:{}, s:n, s:n, s:o, s:o, s:n, s:n, s:n,"
		" s:n}",
		"klass", "v1/payout", "id", random_id(100000000000, 1000000000000), "reference",
		make_reference("pyt", m->created), "amount", (json_int_t)s->amount, "status",
		payouts[i].status, "customer_id", (json_int_t)0, "currency_id", 1, "mode",
		"mtn_open", "metadata", "merchant_reference", "last_error_code", "created_at",
		time_or_null(m->created), "updated_at", time_or_null(m->updated), "scheduled_at",
		"sent_at", "failed_at", "deleted_at");
	if (p == NULL)
		return NULL;
	if (payouts[i].stamp != NULL)
		json_object_set_new(p, payouts[i].stamp, time_or_null(m->changed));
	json_object_set_new(p, "currency", json_pack("{s:s}", "iso", "XOF"));
	json_object_set_new(p, "customer", make_customer(m, false));
	json_object_set(p, "customer_id", json_object_get(json_object_get(p, "customer"), "id"));
	return p;
}

/* Counted back from the event: a transfer follows the approval by a day, and the last change of
 * something just created is its creation. */
static struct moments moments_of(const char *suffix, int64_t now)
{
	struct moments m;

	m.updated = now - 130;
	m.changed = m.updated - 30;
	m.approved = m.changed;
	if (strcmp(suffix, "transferred") == 0 || strcmp(suffix, "refunded") == 0 ||
		strcmp(suffix, "updated") == 0)
		m.approved = m.changed - DAY;
	m.created = m.approved - 36 * SECOND;
	if (strcmp(suffix, "created") == 0)
		m.created = m.updated;
	m.registered = m.created - 190 * DAY;
	return m;
}

static bool make_event(const struct sender_sample *s, struct buf *out)
{
	const char *kind = kind_of(s->type), *suffix = suffix_of(s->type);
	struct moments m = moments_of(suffix, s->now);
	json_t *entity, *event;
	char *text = NULL;

	if (strcmp(kind, "customer") == 0)
		entity = make_customer_entity(suffix, &m);
	else if (strcmp(kind, "payout") == 0)
		entity = make_payout(suffix, s, &m);
	else
		entity = make_transaction(suffix, s, &m);
	event = json_pack("{s:I, s:s, s:s, s:O, s:i, s:O, s:o}", "id",
		random_id(1000000000000000, 9000000000000000), "name", s->type, "object", kind,
		"object_id", json_object_get(entity, "id"), "account_id", ACCOUNT, "entity", entity,
		"created_at", time_or_null(s->now));
	if (event != NULL)
		text = json_text(event, WRITTEN);
	if (text != NULL)
		buf_add_text(out, text);
	free(text);
	json_decref(event);
	json_decref(entity);
	return text != NULL && buf_ok(out);
}
