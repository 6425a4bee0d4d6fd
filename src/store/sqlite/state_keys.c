/* store/sqlite/state_keys.c - gives the events of an older store their state keys, in the
 * migration's transaction, by an SQL function that reads their payloads. */
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION "hookd_state_key"

struct fill {
	const struct store_db *db;
	int64_t read; /* events */
};

/* The type is the stored one: a person may have given it. */
static bool read_event(struct event *ev, const struct event_shape *shape, const char *type,
	const void *payload, size_t len)
{
	if (!event_parse(ev, shape, payload != NULL ? payload : "", len))
		return false;
	if (ev->quarantined == NULL || event_set_type(ev, shape, type))
		return true;
	event_free(ev);
	return false;
}

/* FUNCTION(source's name, type, payload) */
static void state_key(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	struct fill *fill = sqlite3_user_data(out);
	const struct store_db *db = fill->db;
	const char *source = (const char *)sqlite3_value_text(argv[0]);
	const char *type = (const char *)sqlite3_value_text(argv[1]);
	const void *payload = sqlite3_value_blob(argv[2]);
	struct event ev;

	(void)argc;
	fill->read++;
	if (source == NULL || type == NULL)
		return;
	const struct event_shape *shape = db->shape_of(db->shape_arg, source);
	if (shape == NULL)
		return;
	if (!read_event(&ev, shape, type, payload, (size_t)sqlite3_value_bytes(argv[2]))) {
		sqlite3_result_error_nomem(out);
		return;
	}
	if (ev.state_key != NULL)
		sqlite3_result_text(out, ev.state_key, -1, SQLITE_TRANSIENT);
	event_free(&ev);
}

/* In the order of their ids, so that the first one stored has the key that several have: OR IGNORE
 * leaves the others without. */
static const char fill_sql[] =
	"UPDATE OR IGNORE events SET state_key ="
	" " FUNCTION "((SELECT name FROM sources WHERE id = source_id), type, payload)"
	" WHERE type IS NOT NULL AND entity_id IS NOT NULL AND provider_event_id IS NULL"
	" AND quarantined IS NULL";

int store_state_keys_fill(struct store_db *db)
{
	struct fill fill = {.db = db};
	int64_t written = 0;

	if (db->shape_of == NULL)
		return SQLITE_OK;
	int rc = sqlite3_create_function_v2(db->sqlite, FUNCTION, 3,
		SQLITE_UTF8 | SQLITE_DIRECTONLY, &fill, state_key, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->sqlite, fill_sql, NULL, NULL, NULL);
	written = sqlite3_changes(db->sqlite);
	/* The function must not outlive `fill`. */
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(
			db->sqlite, FUNCTION, 3, SQLITE_UTF8, NULL, NULL, NULL, NULL, NULL);
	if (rc == SQLITE_OK && fill.read > written)
		log_info("store has events that report what an earlier one has reported; they stay",
			log_int("events", fill.read - written), log_text("file", db->path));
	return rc;
}
