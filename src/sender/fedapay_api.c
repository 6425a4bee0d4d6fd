/* sender/fedapay_api.c - FedaPay's API, as far as events are read back from it. */
#include "rows.h"

static const struct sender_api_mode modes[] = {
	{"sk_sandbox_", "sandbox", "https://sandbox-api.fedapay.com/v1"},
	{"sk_live_", "live", "https://api.fedapay.com/v1"},
	{NULL, NULL, NULL},
};

/* The entity of an event there is the bare row, which has the ids of these only. */
static const struct sender_api_part parts[] = {
	{"customer", "customer_id", "/customers/"},
	{"currency", "currency_id", "/currencies/"},
	{"payment_method", NULL, NULL},
	{NULL, NULL, NULL},
};

static const struct sender_api_entity entities[] = {
	{"transaction", "/transactions/", "/transactions/search?search=*"},
	{"payout", "/payouts/", "/payouts/search?search=*"},
	{NULL, NULL, NULL},
};

const struct sender_api sender_fedapay_api = {
	.modes = modes,
	.events = "/events",
	.entities = entities,
	.status = "status",
	.include = "include=customer,currency,payment_method",
	.webhooks = "/webhooks",
	.parts = parts,
};
