/* sender/fedapay.c - all that hookd knows about FedaPay: its row, and the events that `hookctl
 * send` and `hookctl test` make up. */
#include "base/clock.h"
#include "base/json.h"
#include "fedapay_account.h"
#include "rows.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the row ---- */

static const struct sender_mode modes[] = {
	{"wh_sandbox_", "sandbox",
		"the secret looks like the sandbox's: is the webhook one of live mode, which has "
		"another? hookctl verify compares it with a request"},
	{"wh_live_", "live",
		"the secret may be another webhook's, an old one, or the webhook one of the "
		"sandbox; hookctl verify compares it with a request"},
	{NULL, NULL, NULL},
};

/* On one line, as its webhooks are: / and accents plain. Other ways have been seen in its API. */
#define WRITTEN ((size_t)JSON_COMPACT)

static const size_t rewritings[] = {WRITTEN, JSON_COMPACT | JSON_ENSURE_ASCII,
	JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH, 0};

static const struct event_member entity_members[] = {
	EVENT_VALUE("id", EVENT_FIELD_ENTITY_ID),
	EVENT_VALUE("klass", EVENT_FIELD_KIND_CLASS),
	EVENT_VALUE("updated_at", EVENT_FIELD_UPDATED_AT),
	EVENT_EACH_MOMENT("_at"),
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

/* Who was declined or has canceled may try again: the same transaction can still be approved, even
 * after it has expired. What
 * follows the approval has no fixed order: transferred and refunded in part, or the reverse. */
static const struct lifecycle_state states[] = {
	{"created", 0, NULL, false, false},
	{"pending", 0, NULL, false, false},
	{"scheduled", 1, "created", false, false},
	{"started", 1, "created", false, false},
	{"processing", 1, "created", false, false},
	{"declined", 2, "created", false, false},
	{"canceled", 2, "created", false, false},
	{"expired", 3, "created", false, false},
	{"approved", 4, "created", true, false},
	{"sent", 4, "created", true, false},
	{"failed", 4, "created", true, false},
	{"transferred", 5, "approved", false, true},
	{"refunded", 5, "approved", false, false},
	{"approved_partially_refunded", 5, "approved", false, false},
	{"transferred_partially_refunded", 5, "approved", false, false},
	{"deleted", 6, "created", false, false},
	{NULL, 0, NULL, false, false},
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
	.public_key = "pk_",
	.rewritings = rewritings,
	.escapes_html = true,
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
					.refunds = "refunds",
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
	.api = &sender_fedapay_api,
	.types = fedapay_types,
	.values = fedapay_values,
	.optional = fedapay_optional,
	.when_silent = "FedaPay disables one after\n"
		       "    ten failures in a row (dashboard, Webhooks).",
};

/* ---- made-up events ---- */

#define SECOND INT64_C(1000)
#define DAY    (86400 * SECOND)
#define FEE    18 /* per mille, as "commission" says */

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
	bool known;        /* who pays */
} transactions[] = {
	{"created", "pending", false, NULL, true},
	{"approved", "approved", true, NULL, true},
	{"declined", "declined", false, "declined_at", true},
	{"canceled", "canceled", false, "canceled_at", false},
	{"transferred", "transferred", true, "transferred_at", true},
	{"refunded", "refunded", true, "refunded_at", true},
	{"approved_partially_refunded", "approved_partially_refunded", true,
		"approved_partially_refunded_at", true},
	{"transferred_partially_refunded", "transferred_partially_refunded", true,
		"transferred_partially_refunded_at", true},
	{"expired", "expired", false, "expired_at", false},
	{"deleted", "pending", false, "deleted_at", false},
	{NULL, "approved", true, NULL, true},
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

/* What FedaPay has of a payer who was not asked. */
static const struct person nobody = {"Unknown", "Unknown", NULL};

static const struct person *some_person(void)
{
	return &people[randombytes_uniform(sizeof(people) / sizeof(people[0]))];
}

static json_t *make_customer(const struct person *p, const struct moments *m, bool deleted)
{
	char full[64];

	snprintf(full, sizeof(full), "%s %s", p->first, p->last);
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:i, s:o, s:o, s:o}", "klass",
		"v1/customer", "id", random_id(1000000, 10000000), "firstname", p->first,
		"lastname", p->last, "full_name", full, "email", p->email, "account_id",
		FEDAPAY_ACCOUNT, "created_at", time_or_null(m->registered), "updated_at",
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
	customer = make_customer(some_person(), &own, strcmp(suffix, "deleted") == 0);
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
	snprintf(text, sizeof(text), "Commande n° %s & livraison", number);
	*description = json_string(text);
	return json_pack("{s:s}", "order_id", number);
}

/* FedaPay's own: the merchant's data are in custom_metadata. */
static json_t *make_metadata(bool approved)
{
	json_t *own = json_pack("{s:s}", "expire_schedule_jobid", "b1f0c2a47d9e4f6f8a35c0de");

	if (approved)
		json_object_set_new(own, "paid_customer",
			json_pack("{s:s, s:s, s:s}", "lastname", "", "firstname", "", "country",
				"BJ"));
	return own;
}

/* An amount of the transaction, which is known once it is approved. */
static json_t *known_later(bool approved, int64_t amount)
{
	return approved ? json_integer((json_int_t)amount) : json_null();
}

static void set_amounts(json_t *t, int64_t amount, bool approved)
{
	int64_t fees = amount / 1000 * FEE + amount % 1000 * FEE / 1000;

	json_object_set_new(t, "commission", approved ? json_string("0.018") : json_null());
	json_object_set_new(t, "fees", known_later(approved, fees));
	json_object_set_new(t, "fixed_commission", json_integer(0));
	json_object_set_new(t, "amount_transferred", known_later(approved, amount - fees));
	json_object_set_new(t, "amount_debited", known_later(approved, amount));
}

static void set_times(json_t *t, const struct transaction *life, const struct moments *m)
{
	json_object_update_new(
		t, json_pack("{s:o, s:o, s:o, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "created_at",
			   time_or_null(m->created), "updated_at", time_or_null(m->updated),
			   "approved_at", time_or_null(life->approved ? m->approved : 0),
			   "canceled_at", "declined_at", "refunded_at", "transferred_at",
			   "approved_partially_refunded_at", "transferred_partially_refunded_at",
			   "deleted_at"));
	if (life->stamp != NULL)
		json_object_set_new(t, life->stamp, time_or_null(m->changed));
}

/* What the transaction belongs to. */
static void set_relatives(
	json_t *t, const struct transaction *life, const struct moments *m, bool tried)
{
	json_t *customer = make_customer(life->known ? some_person() : &nobody, m, false);
	json_t *method = tried ? make_payment_method() : json_null();

	json_object_set(t, "customer_id", json_object_get(customer, "id"));
	json_object_set(t, "payment_method_id", json_object_get(method, "id"));
	json_object_set_new(t, "customer", customer);
	json_object_set_new(t, "currency", fedapay_currency());
	json_object_set_new(t, "payment_method", method);
	json_object_set_new(t, "balance", fedapay_balance(m->updated));
	json_object_set_new(t, "refunds", json_array());
}

static const struct transaction *life_of(const char *suffix)
{
	const struct transaction *life = transactions;

	while (life->suffix != NULL && strcmp(life->suffix, suffix) != 0)
		life++;
	return life;
}

static json_t *make_transaction(
	const char *suffix, const struct sender_sample *s, const struct moments *m)
{
	const struct transaction *life = life_of(suffix);
	bool tried = strcmp(life->status, "pending") != 0;
	bool declined = strcmp(life->status, "declined") == 0;
	json_t *description, *order = make_order(&description), *t;

	t = json_pack(
		"{s:s, s:I, s:o, s:I, s:o, s:n, s:s, s:n, s:i, s:s?, s:s, s:o, s:o, s:s?, s:s?,"
		" s:n, s:n, s:n, s:s, s:n, s:i, s:i}",
		"klass", "v1/transaction", "id", random_id(100000000000, 1000000000000),
		"reference", make_reference("trx", m->created), "amount", (json_int_t)s->amount,
		"description", description, "callback_url", "status", life->status, "customer_id",
		"currency_id", 1, "mode", tried ? "mtn_open" : NULL, "operation", "payment",
		"metadata", make_metadata(life->approved), "custom_metadata", order,
		"last_error_code", declined ? "INSUFFICIENT_FUNDS" : NULL, "last_error_message",
		declined ? "The payer has not enough funds" : NULL, "receipt_url",
		"payment_method_id", "sub_accounts_commissions", "transaction_key",
		"82000000000000000", "merchant_reference", "account_id", FEDAPAY_ACCOUNT,
		"balance_id", FEDAPAY_BALANCE);
	if (t == NULL)
		return NULL;
	json_object_set_new(t, "transaction_key",
		json_sprintf("820%014lld", (long long)random_id(0, 100000000000000)));
	set_amounts(t, s->amount, life->approved);
	set_times(t, life, m);
	set_relatives(t, life, m, tried);
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
	json_object_set_new(p, "currency", fedapay_currency());
	json_object_set_new(p, "customer", make_customer(some_person(), m, false));
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
	if (strcmp(suffix, "transferred") == 0 || strstr(suffix, "refunded") != NULL ||
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
	bool written;

	if (strcmp(kind, "customer") == 0)
		entity = make_customer_entity(suffix, &m);
	else if (strcmp(kind, "payout") == 0)
		entity = make_payout(suffix, s, &m);
	else
		entity = make_transaction(suffix, s, &m);
	event = json_pack("{s:s, s:s, s:O, s:o, s:O}", "name", s->type, "object", kind, "object_id",
		json_object_get(entity, "id"), "account", fedapay_account(s->now), "entity",
		entity);
	written = event != NULL && sender_write(event, WRITTEN, true, out);
	json_decref(event);
	json_decref(entity);
	return written && buf_ok(out);
}
