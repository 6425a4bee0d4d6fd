/* store/query/catchup.c - reads how far sources were read back. */
#include "store/catchup.h"

#include "reader.h"

#include <stdio.h>

static void state_row(const struct store_row *row, void *to)
{
	struct store_catchup_state *state = to;
	int64_t *const numbers[] = {&state->begun_at, &state->read_to, &state->read_at,
		&state->filled, &state->filled_at, &state->upper, &state->page, &state->found,
		&state->failed_at, &state->denied, &state->webhook_id, &state->webhook_at,
		&state->webhook_bad_at, &state->webhook_good_at, &state->reenabled_at};
	int count = sizeof(numbers) / sizeof(numbers[0]);

	for (int i = 0; i < count; i++)
		*numbers[i] = store_row_number(row, i);
	(void)snprintf(state->failure, sizeof(state->failure), "%s", store_row_string(row, count));
	(void)snprintf(
		state->webhook, sizeof(state->webhook), "%s", store_row_string(row, count + 1));
	(void)snprintf(state->webhook_text, sizeof(state->webhook_text), "%s",
		store_row_string(row, count + 2));
}

bool store_catchup_read(struct store_reader *r, const char *source,
	struct store_catchup_state *state, char why[STORE_READ_WHY])
{
	const struct store_value value = {.text = source};

	*state = (struct store_catchup_state){0};
	return store_query(r, QUERY_CATCHUP, &value, 1, state_row, state, why);
}

bool store_catchup_webhook_is_bad(const struct store_catchup_state *state)
{
	return state->webhook_bad_at > state->webhook_good_at;
}

static void two_numbers(const struct store_row *row, void *to)
{
	int64_t *numbers = to;

	numbers[0] = store_row_number(row, 0);
	numbers[1] = store_row_number(row, 1);
}

bool store_catchup_last_webhook(
	struct store_reader *r, const char *source, int64_t *received_at, char why[STORE_READ_WHY])
{
	const struct store_value value = {.text = source};
	int64_t numbers[2] = {0};
	bool good = store_query(r, QUERY_CATCHUP_LAST, &value, 1, two_numbers, numbers, why);

	*received_at = numbers[0];
	return good;
}

struct begun {
	store_catchup_seen *seen;
	void *arg;
};

static void begun_row(const struct store_row *row, void *to)
{
	const struct begun *begun = to;

	begun->seen(begun->arg, store_row_string(row, 0), store_row_number(row, 1));
}

bool store_catchup_begun(struct store_reader *r, const char *source, const char *type, int64_t from,
	store_catchup_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.text = type}, {.number = from}};
	struct begun begun = {seen, arg};

	return store_query(r, QUERY_CATCHUP_BEGUN, values, 3, begun_row, &begun, why);
}

bool store_catchup_first(struct store_reader *r, const char *source, int64_t from, int64_t *first,
	char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = from}};
	int64_t numbers[2] = {0};
	bool good = store_query(r, QUERY_CATCHUP_FIRST, values, 2, two_numbers, numbers, why);

	*first = numbers[0];
	return good;
}

bool store_catchup_filled(struct store_reader *r, const char *source, int64_t from, int64_t to,
	int64_t *count, int64_t *last, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = from}, {.number = to}};
	int64_t numbers[2] = {0};
	bool good = store_query(r, QUERY_CATCHUP_FILLED, values, 3, two_numbers, numbers, why);

	*count = numbers[0];
	*last = numbers[1];
	return good;
}
