#include "event/document.h"
#include "event/event.h"
#include "event/payment.h"
#include "event/scan.h"
#include "reporter/approved.h"
#include "sender/sender.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Each moment of one is one of the other. */
static void compare_moments(const struct event_fields *these, const struct event_fields *those)
{
	for (size_t i = 0; i < these->moment_count; i++) {
		const struct event_moment *a = &these->moments[i];
		const struct event_moment *b = event_fields_moment(those, a->name, a->len);

		if (a->value.bytes != NULL &&
			(b == NULL || b->value.len != a->value.len ||
				memcmp(a->value.bytes, b->value.bytes, a->value.len) != 0))
			abort();
	}
}

/* What the scan accepts must be the same in the tree. */
static void compare(const struct event_shape *shape, const char *body, size_t size)
{
	struct event_fields quick, sure;
	json_t *root = NULL, *entity = NULL;

	if (!event_scan(&quick, shape, body, size))
		return;
	if (!document_parse(body, size, &root) || !document_entity(root, &entity))
		abort();
	event_fields_of(&sure, shape, root);
	if (!sure.is_object)
		abort();
	for (int i = 0; i < EVENT_FIELDS; i++) {
		const struct event_value *a = &quick.values[i], *b = &sure.values[i];

		if ((a->bytes == NULL) != (b->bytes == NULL) || a->number != b->number ||
			a->len != b->len || (a->len > 0 && memcmp(a->bytes, b->bytes, a->len) != 0))
			abort();
	}
	compare_moments(&quick, &sure);
	compare_moments(&sure, &quick);
	json_decref(root);
}

/* What lists, exports and digests read in it. */
static void sum_up(const struct event_shape *shape, const unsigned char *body, size_t size)
{
	struct approved sums = {0};
	struct buf out = {0};
	struct payment p;

	if (!payment_read(&p, shape, body, size))
		abort();
	payment_add_money(&out, &p, p.amount);
	approved_add(&sums, shape, "fuzz", body, size);
	approved_add(&sums, shape, "fuzz", body, size);
	if (!buf_ok(&out) || sums.failed || sums.count > 1 ||
		(sums.count == 1 && (sums.sums[0].count < 1 || sums.sums[0].count > 2)))
		abort();
	approved_free(&sums);
	payment_free(&p);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct event_shape *shape = &sender_find("fedapay")->shape;
	struct event ev;

	compare(shape, (const char *)data, size);
	sum_up(shape, data, size);
	if (sodium_init() < 0)
		abort();
	if (!event_parse(&ev, shape, data, size))
		return 0;
	if (ev.idempotency_key == NULL || ev.payload != data || ev.payload_len != size)
		abort();
	if (ev.quarantined == NULL && (ev.type == NULL || strlen(ev.type) > EVENT_TYPE_MAX))
		abort();
	for (const char *p = ev.idempotency_key; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			abort(); /* it goes into headers and variables */
	if (ev.state_key != NULL && (ev.type == NULL || ev.entity_id == NULL))
		abort();
	event_free(&ev);
	return 0;
}
