/* store/query/reader.h - what the files of this folder share: a reader, and how its rows become
 * those of store/read.h. */
#ifndef HOOKD_STORE_READER_H
#define HOOKD_STORE_READER_H

#include "base/attributes.h"
#include "store/read.h"
#include "store/session.h"

struct store_reader {
	const struct store_session_engine *engine;
	struct store_session *session;
};

/* Shows each row of a query; all come from one state of the store. */
bool store_query(struct store_reader *r, enum store_query query, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Of a column `state`, which has no other texts than these. */
enum delivery_state store_state_from_text(const char *text);

struct store_event_to {
	store_event_seen *seen;
	void *arg;
	bool payloads; /* the query reads these too */
};
store_row_seen store_event_row; /* to: a struct store_event_to */

#define STORE_DELIVERY_WIDTH 13
struct store_delivery_row store_delivery_row(const struct store_row *row);

#endif
