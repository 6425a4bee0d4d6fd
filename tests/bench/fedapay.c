#include "fedapay.h"

#include "base/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ACCOUNT    37140
#define USERS      7
#define BALANCES   19
#define FEE        18                   /* per mille, as "commission" says */
#define REGISTERED INT64_C(16416000000) /* ms: customers are 190 days older */

static const struct person {
	const char *first, *last, *email;
} people[] = {
	{"Awa", "Dossou", "awa.dossou"},
	{"S\\u00e8nami", "Hounkp\\u00e8", "senami.hounkpe"},
	{"Koffi", "Adjovi", "koffi.adjovi"},
	{"Fatoumata", "Traor\\u00e9", "fatoumata.traore"},
	{"Kouam\\u00e9", "N'Guessan", "kouame.nguessan"},
	{"Ayaba", "Zinsou", "ayaba.zinsou"},
	{"Moussa", "Ouedraogo", "moussa.ouedraogo"},
};

static const char *const brands[] = {"mtn_open", "moov", "mtn_open", "celtiis"};

#define PICK(list, bits) ((list)[(bits) % (sizeof(list) / sizeof((list)[0]))])

/* A body in the making. */
struct body {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct body *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(b->at, b->left, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < b->left);
	b->at += n;
	b->left -= (size_t)n;
}

static void add_text(struct body *b, const char *text)
{
	size_t n = strlen(text);

	assert(n < b->left);
	memcpy(b->at, text, n);
	b->at += n;
	b->left -= n;
}

/* ,"approved_at":"2026-…" or null */
static void add_time(struct body *b, const char *key, int64_t ms)
{
	char time[CLOCK_TEXT];

	add_text(b, ",\"");
	add_text(b, key);
	if (ms == 0) {
		add_text(b, "\":null");
		return;
	}
	clock_format(ms, time);
	add_text(b, "\":\"");
	add_text(b, time);
	add_text(b, "\"");
}

static void add_customer(
	struct body *b, const struct fedapay_event *ev, int64_t created, int64_t updated)
{
	const struct person *p = &PICK(people, ev->customer_id);

	add(b,
		"{\"klass\":\"v1\\/customer\",\"id\":%" PRIu64 ",\"firstname\":\"%s\","
		"\"lastname\":\"%s\",\"full_name\":\"%s %s\",\"email\":\"%s.%" PRIu64
		"@example.com\",\"account_id\":%d",
		ev->customer_id, p->first, p->last, p->first, p->last, p->email, ev->customer_id,
		ACCOUNT);
	add_time(b, "created_at", created);
	add_time(b, "updated_at", updated);
	add_time(b, "deleted_at", strcmp(ev->state, "deleted") == 0 ? updated : 0);
	add_text(b, "}");
}

static void add_transaction(struct body *b, const struct fedapay_event *ev)
{
	static const char *const stamps[] = {"canceled", "declined", "refunded", "transferred"};
	bool approved = strcmp(ev->state, "approved") == 0 ||
			strcmp(ev->state, "transferred") == 0 || strcmp(ev->state, "refunded") == 0;
	bool tried = strcmp(ev->state, "created") != 0;
	const char *brand = PICK(brands, ev->looks);
	unsigned order = 1000 + (unsigned)(ev->looks >> 8) % 9000;
	int64_t fees = ev->amount * FEE / 1000;

	add(b,
		"{\"klass\":\"v1\\/transaction\",\"id\":%" PRIu64
		",\"reference\":\"trx_%c%c%c_%" PRId64 "\",\"amount\":%" PRId64
		",\"description\":\"Commande n\\u00b0 %u\","
		"\"callback_url\":null,\"status\":\"%s\",\"customer_id\":%" PRIu64
		",\"currency_id\":1,\"mode\":\"%s\",\"operation\":\"payment\",\"metadata\":{},"
		"\"custom_metadata\":{\"order_id\":\"%u\"},\"merchant_reference\":null,",
		ev->entity_id, (char)('A' + ev->looks % 26), (char)('A' + ev->looks / 32 % 26),
		(char)('A' + ev->looks / 1024 % 26), ev->created_at, ev->amount, order,
		tried ? ev->state : "pending", ev->customer_id, brand, order);
	if (approved)
		add(b,
			"\"commission\":\"0.018\",\"fees\":%" PRId64 ",\"fixed_commission\":0,"
			"\"amount_transferred\":%" PRId64 ",\"amount_debited\":%" PRId64,
			fees, ev->amount - fees, ev->amount);
	else
		add_text(b, "\"commission\":null,\"fees\":null,\"fixed_commission\":0,"
			    "\"amount_transferred\":null,\"amount_debited\":null");
	add_time(b, "created_at", ev->created_at);
	add_time(b, "updated_at", ev->changed_at + 30);
	add_time(b, "approved_at", approved ? ev->created_at + 36000 : 0);
	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "%s_at", stamps[i]);
		add_time(b, key, strcmp(ev->state, stamps[i]) == 0 ? ev->changed_at : 0);
	}
	add(b,
		",\"deleted_at\":null,\"last_error_code\":%s,\"receipt_url\":null,"
		"\"transaction_key\":\"820%014" PRIu64 "\",\"currency\":{\"iso\":\"XOF\"},"
		"\"customer\":",
		strcmp(ev->state, "declined") == 0 ? "\"INSUFFICIENT_FUNDS\"" : "null",
		ev->looks % UINT64_C(100000000000000));
	add_customer(b, ev, ev->created_at - REGISTERED, ev->created_at - REGISTERED);
	add(b,
		",\"payment_method\":{\"klass\":\"v1\\/payment_method\",\"id\":%" PRIu64
		",\"brand\":\"%s\",\"country\":\"BJ\",\"number\":\"229970%05u\","
		"\"method\":\"phone\"}}",
		ev->customer_id + 107520587, brand, (unsigned)(ev->customer_id % 100000));
}

static void add_payout(struct body *b, const struct fedapay_event *ev)
{
	add(b,
		"{\"klass\":\"v1\\/payout\",\"id\":%" PRIu64 ",\"reference\":\"pyt_%c%c%c_%" PRId64
		"\",\"amount\":%" PRId64 ",\"status\":\"%s\",\"customer_id\":%" PRIu64
		",\"currency_id\":1,\"mode\":\"%s\",\"metadata\":{},\"merchant_reference\":null,"
		"\"last_error_code\":null",
		ev->entity_id, (char)('A' + ev->looks % 26), (char)('A' + ev->looks / 32 % 26),
		(char)('A' + ev->looks / 1024 % 26), ev->created_at, ev->amount,
		strcmp(ev->state, "created") == 0 ? "pending" : ev->state, ev->customer_id,
		PICK(brands, ev->looks));
	add_time(b, "created_at", ev->created_at);
	add_time(b, "updated_at", ev->changed_at + 30);
	add_time(b, "scheduled_at", 0);
	add_time(b, "sent_at", strcmp(ev->state, "sent") == 0 ? ev->changed_at : 0);
	add_time(b, "failed_at", strcmp(ev->state, "failed") == 0 ? ev->changed_at : 0);
	add_time(b, "deleted_at", 0);
	add_text(b, ",\"currency\":{\"iso\":\"XOF\"},\"customer\":");
	add_customer(b, ev, ev->created_at - REGISTERED, ev->created_at - REGISTERED);
	add_text(b, "}");
}

/* The merchant's account, the same in each event. */
static void add_account(struct body *b)
{
	add(b,
		"\"account\":{\"klass\":\"v1/account\",\"id\":%d,\"name\":\"Boutique \\u0026 "
		"Fils\","
		"\"timezone\":\"Africa/Porto-Novo\",\"country\":\"BJ\",\"verified\":true,"
		"\"reference\":\"acc_1029384756\",\"blocked\":false,\"bank_accounts\":[],"
		"\"mobile_accounts\":[],\"card_accounts\":[],\"users\":[",
		ACCOUNT);
	for (int i = 0; i < USERS; i++)
		add(b,
			"%s{\"klass\":\"v1/"
			"user\",\"id\":%d,\"firstname\":\"%s\",\"lastname\":\"%s\","
			"\"email\":\"%s@boutique.example\",\"phone\":null,\"admin\":false,"
			"\"locale\":\"fr\",\"created_at\":\"2024-02-06T10:27:35.117Z\","
			"\"updated_at\":\"2024-02-06T10:27:35.117Z\"}",
			i > 0 ? "," : "", 41001 + i, people[i].first, people[i].last,
			people[i].email);
	add_text(b, "],\"balances\":[");
	for (int i = 0; i < BALANCES; i++)
		add(b,
			"%s{\"klass\":\"v1/balance\",\"id\":%d,\"amount\":%d,\"mode\":\"%s\","
			"\"account_id\":%d,\"currency_id\":1,"
			"\"created_at\":\"2024-02-06T10:27:35.117Z\","
			"\"updated_at\":\"2024-02-06T10:27:35.117Z\"}",
			i > 0 ? "," : "", 74211 + i, 31000 * i, PICK(brands, (unsigned)i), ACCOUNT);
	add_text(b,
		"],\"api_keys\":[{\"klass\":\"v1/api_key\",\"id\":63001,\"public_key\":"
		"\"pk_sandbox_madeUpByTheBench00000\"}],\"currencies\":[{\"klass\":\"v1/currency\","
		"\"id\":1,\"name\":\"FCFA\",\"iso\":\"XOF\",\"code\":952,\"div\":1}]}");
}

const char *fedapay_kind_text(enum fedapay_kind kind)
{
	static const char *const text[] = {
		[FEDAPAY_TRANSACTION] = "transaction",
		[FEDAPAY_CUSTOMER] = "customer",
		[FEDAPAY_PAYOUT] = "payout",
	};
	return text[kind];
}

size_t fedapay_write(const struct fedapay_event *ev, char out[FEDAPAY_BODY_MAX])
{
	struct body b = {out, FEDAPAY_BODY_MAX};
	const char *kind = fedapay_kind_text(ev->kind);

	add_text(&b, "{");
	if (ev->id != 0)
		add(&b, "\"id\":%" PRIu64 ",\"account_id\":%d,", ev->id, ACCOUNT);
	add(&b, "\"name\":\"%s.%s\",\"object\":\"%s\",\"object_id\":%" PRIu64 ",", kind, ev->state,
		kind, ev->entity_id);
	if (ev->id == 0) {
		add_account(&b);
		add_text(&b, ",");
	}
	add_text(&b, "\"entity\":");
	switch (ev->kind) {
	case FEDAPAY_TRANSACTION:
		add_transaction(&b, ev);
		break;
	case FEDAPAY_CUSTOMER:
		add_customer(&b, ev, ev->created_at, ev->changed_at);
		break;
	case FEDAPAY_PAYOUT:
		add_payout(&b, ev);
		break;
	}
	if (ev->id != 0)
		add_time(&b, "created_at", ev->changed_at + 160);
	add_text(&b, "}");
	return (size_t)(b.at - out);
}
