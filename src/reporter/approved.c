#include "approved.h"

#include "base/buf.h"
#include "event/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* SOURCE/ENTITY's id; empty: it has none, and counts each time. */
static void add_name(struct buf *out, const char *source, const json_t *entity)
{
	const json_t *id = json_object_get(entity, "id");

	if (json_is_integer(id))
		buf_printf(out, "%s/%" JSON_INTEGER_FORMAT, source, json_integer_value(id));
	else if (json_is_string(id) && json_string_length(id) > 0)
		buf_printf(out, "%s/%s", source, json_string_value(id));
}

/* Is it the first event that tells of this transaction? */
static bool is_new(struct approved *a, const char *source, const json_t *entity)
{
	struct buf name = {0};
	bool fresh = true;

	add_name(&name, source, entity);
	if (a->seen == NULL)
		a->seen = json_object();
	if (!buf_ok(&name) || a->seen == NULL) {
		a->failed = true;
	} else if (name.len > 0) {
		fresh = json_object_get(a->seen, name.data) == NULL;
		if (fresh && json_object_set_new(a->seen, name.data, json_true()) != 0)
			a->failed = true;
	}
	buf_free(&name);
	return fresh;
}

static struct approved_sum *sum_of(struct approved *a, const json_t *entity)
{
	const json_t *currency = json_object_get(entity, "currency");
	const char *iso;

	if (json_is_object(currency))
		currency = json_object_get(currency, "iso");
	iso = json_string_value(currency);
	if (iso == NULL || strlen(iso) != 3)
		iso = "?";
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->sums[i].currency, iso) == 0)
			return &a->sums[i];
	if (a->count == APPROVED_CURRENCIES)
		return &a->sums[APPROVED_CURRENCIES - 1];
	(void)snprintf(a->sums[a->count].currency, sizeof(a->sums[0].currency), "%s", iso);
	return &a->sums[a->count++];
}

void approved_add(struct approved *a, const char *source, const void *payload, size_t len)
{
	json_t *root = NULL, *entity = NULL;
	const json_t *amount;
	struct approved_sum *sum;

	if (!document_parse(payload, len, &root) || !document_entity(root, &entity)) {
		a->failed = true;
	} else if (is_new(a, source, entity)) {
		amount = json_object_get(entity, "amount");
		sum = sum_of(a, entity);
		sum->count++;
		if (!json_is_integer(amount) || __builtin_add_overflow(sum->amount,
							json_integer_value(amount), &sum->amount))
			sum->unsummed++;
	}
	json_decref(root);
}

void approved_free(struct approved *a)
{
	json_decref(a->seen);
	*a = (struct approved){0};
}
