/* store/query/read.c - one event, its deliveries and attempts, as the store has them. */
#include "store/read.h"
#include "reader.h"

void store_event_row(const struct store_row *row, void *to)
{
	const struct store_event_to *e = to;
	struct store_event_row event = {
		.id = store_row_number(row, 0),
		.source = store_row_string(row, 1),
		.idempotency_key = store_row_string(row, 2),
		.provider_event_id = store_row_text(row, 3),
		.type = store_row_text(row, 4),
		.entity_kind = store_row_text(row, 5),
		.entity_id = store_row_text(row, 6),
		.received_at = store_row_number(row, 7),
		.occurred_at = store_row_number(row, 8),
		.origin = store_row_string(row, 9),
		.remote = store_row_string(row, 10),
		.duplicates = store_row_number(row, 11),
		.conflicts = store_row_number(row, 12),
		.quarantined = store_row_text(row, 13),
		.waiting = store_row_number(row, 14),
		.done = store_row_number(row, 15),
		.dead = store_row_number(row, 16),
		.skipped = store_row_number(row, 17),
	};

	if (e->payloads) {
		event.declined = store_row_text(row, 19);
		event.state_key = store_row_text(row, 21);
		event.damaged = store_row_is_damaged(row, 18, 20);
		event.payload = store_row_bytes(row, 18, &event.payload_len);
		if (event.payload == NULL)
			event.payload = ""; /* empty, not missing */
	}
	e->seen(e->arg, &event);
}

static bool query_by_id(struct store_reader *r, enum store_query query, int64_t id,
	store_row_seen *seen, void *to, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = id};

	return store_query(r, query, &value, 1, seen, to, why);
}

bool store_read_event(struct store_reader *r, int64_t id, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg, true};

	return query_by_id(r, QUERY_EVENT, id, store_event_row, &to, why);
}

bool store_read_entity(struct store_reader *r, const char *kind, const char *id,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg, true};
	const struct store_value values[] = {{.text = id}, {.text = kind}};

	return store_query(r, QUERY_ENTITY, STORE_VALUES(values), store_event_row, &to, why);
}

struct store_delivery_row store_delivery_row(const struct store_row *row)
{
	return (struct store_delivery_row){
		.id = store_row_number(row, 0),
		.hook = store_row_string(row, 1),
		.state = store_state_from_text(store_row_string(row, 2)),
		.attempts = store_row_number(row, 3),
		.failures = store_row_number(row, 4),
		.due_at = store_row_number(row, 5),
		.idempotency_key = store_row_string(row, 6),
		.reason = store_row_text(row, 7),
		.blocked_by = store_row_number(row, 8),
		.failed_id = store_row_number(row, 9),
		.replay_of = store_row_number(row, 10),
		.replayed_by = store_row_number(row, 11),
		.paused_at = store_row_number(row, 12),
	};
}

struct delivery_to {
	store_delivery_seen *seen;
	void *arg;
};

static void delivery_row(const struct store_row *row, void *to)
{
	const struct delivery_to *d = to;
	struct store_delivery_row delivery = store_delivery_row(row);

	d->seen(d->arg, &delivery);
}

bool store_read_deliveries(struct store_reader *r, int64_t event, store_delivery_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct delivery_to to = {seen, arg};

	return query_by_id(r, QUERY_DELIVERIES, event, delivery_row, &to, why);
}

struct attempt_to {
	store_attempt_seen *seen;
	void *arg;
};

static void attempt_row(const struct store_row *row, void *to)
{
	const struct attempt_to *a = to;
	bool exited = !store_row_is_null(row, 4);
	struct store_attempt_row attempt = {
		.number = store_row_number(row, 0),
		.started_at = store_row_number(row, 1),
		.ended_at = store_row_number(row, 2),
		.result = store_row_string(row, 3),
		.exit_code = exited ? (int)store_row_number(row, 4) : -1,
		.signal = (int)store_row_number(row, 5),
		.status = (int)store_row_number(row, 6),
		.message = store_row_string(row, 7),
	};

	attempt.output = store_row_bytes(row, 8, &attempt.output_len);
	a->seen(a->arg, &attempt);
}

bool store_read_attempts(struct store_reader *r, int64_t delivery, store_attempt_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct attempt_to to = {seen, arg};

	return query_by_id(r, QUERY_ATTEMPTS, delivery, attempt_row, &to, why);
}

struct hook_to {
	store_hook_seen *seen;
	void *arg;
};

static void hook_row(const struct store_row *row, void *to)
{
	const struct hook_to *h = to;

	h->seen(h->arg, store_row_string(row, 0));
}

bool store_read_hooks(struct store_reader *r, const char *name, store_hook_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct hook_to to = {seen, arg};
	const struct store_value value = {.text = name};

	return store_query(r, name != NULL ? QUERY_HOOK : QUERY_HOOKS, &value, name != NULL ? 1 : 0,
		hook_row, &to, why);
}

static void version_row(const struct store_row *row, void *to)
{
	*(int64_t *)to = store_row_number(row, 0);
}

bool store_read_version(struct store_reader *r, int64_t *version, char why[STORE_READ_WHY])
{
	*version = 0;
	return store_query(r, QUERY_VERSION, NULL, 0, version_row, version, why);
}
