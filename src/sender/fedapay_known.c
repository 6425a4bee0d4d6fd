/* sender/fedapay_known.c - what FedaPay's events were seen to have: types, values, and members that
 * the made-up ones lack. None of the lists is closed: what is not in them is warned of, not
 * refused. */
#include "rows.h"

#include <stddef.h>

const char *const fedapay_types[] = {"transaction.created", "transaction.updated",
	"transaction.approved", "transaction.declined", "transaction.canceled",
	"transaction.transferred", "transaction.refunded",
	"transaction.approved_partially_refunded", "transaction.transferred_partially_refunded",
	"transaction.expired", "transaction.deleted", "customer.created", "customer.updated",
	"customer.deleted", "payout.created", "payout.updated", "payout.scheduled",
	"payout.started", "payout.processing", "payout.approved", "payout.canceled", "payout.sent",
	"payout.failed", "payout.deleted", NULL};

static const char *const statuses[] = {"pending", "approved", "declined", "canceled", "expired",
	"transferred", "refunded", "approved_partially_refunded", "transferred_partially_refunded",
	"scheduled", "started", "processing", "sent", "failed", NULL};

static const char *const kinds[] = {"transaction", "payout", "customer", NULL};

static const char *const modes[] = {"mtn_open", "mtn", "moov", "sbin", "bmo", "coris", "moov_tg",
	"togocel", "mtn_ci", "mtn_open_ci", "moov_ci", "wave_ci", "orange_ci", "airtel_ne",
	"free_sn", "wave_sn", "orange_sn", "orange_ml", "moov_bf", "orange-bf", "orange_bf",
	"mtn_open_gn", "mtn_ecw", "cybersource", "stripe_gw", "ecobank_tpe", "orabank_tpe", "uba",
	"uba_atm", "bank_transfer", "momo_test", NULL};

static const char *const currencies[] = {"XOF", "GNF", "EUR", NULL};

const struct sender_values fedapay_values[] = {
	{"name", "type of event", fedapay_types},
	{"object", "kind of entity", kinds},
	{"entity.status", "status", statuses},
	{"entity.mode", "mode", modes},
	{"entity.currency.iso", "currency", currencies},
	{NULL, NULL, NULL},
};

/* "type", "created_at" and "updated_at": of events of its API. */
const char *const fedapay_optional[] = {"type", "created_at", "updated_at",
	"entity.custom_metadata", "entity.metadata", "entity.customer.custom_metadata",
	"entity.customer.phone_number", "entity.customer.address", "entity.payment_token",
	"entity.payment_url", "entity.flags", "entity.to_be_transferred_at", "entity.expired_at",
	"entity.refunded_at", "entity.approved_partially_refunded_at",
	"entity.transferred_partially_refunded_at", "entity.started_at", "entity.last_error_code",
	"entity.last_error_message", "entity.currency.modes", NULL};
