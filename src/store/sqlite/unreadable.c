/* store/sqlite/unreadable.c - what a transaction could not read. An error of reading, or lack of
 * memory, ends the transaction: SQLite rolls it back, or writes nothing more in it. So what was
 * being read is noted, and the group is run again without it: one bad row costs one delivery, not
 * all that shared its transaction. It may be an error that passes: what could not be read is tried
 * again a few times before it is given up. */
#include "base/clock.h"
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX      4096  /* the deliveries of a dozen pages; the oldest note is dropped */
#define NEIGHBOURS_MAX 2000  /* noted at once */
#define AGAIN_MAX      100   /* times that a group is run again */
#define TRIES          3     /* to read something */
#define TRY_AFTER      1000  /* ms from one to the next, or until there may be memory */
#define LEFT_FOR       60000 /* ms that what is given up is left alone */

static bool is_no_memory(int rc)
{
	return (rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM;
}

bool store_is_read_error(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || rc == SQLITE_IOERR_READ ||
	       rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS ||
	       rc == SQLITE_IOERR_DATA;
}

int store_reading(struct store_db *db, enum store_row_kind kind, int64_t id, unsigned part, int rc)
{
	if (rc != SQLITE_OK && db->reading.parts == 0)
		db->reading = (struct store_unreadable){.kind = kind, .id = id, .parts = part};
	return rc;
}

static struct store_unreadable *find_note(
	const struct store_db *db, enum store_row_kind kind, int64_t id)
{
	for (size_t i = 0; i < db->unreadable_count; i++)
		if (db->unreadable[i].id == id && db->unreadable[i].kind == kind)
			return &db->unreadable[i];
	return NULL;
}

unsigned store_unreadable_parts(const struct store_db *db, enum store_row_kind kind, int64_t id)
{
	const struct store_unreadable *note = find_note(db, kind, id);

	if (note == NULL)
		return 0;
	return note->until > clock_steady() ? note->parts : note->parts & ~(unsigned)UNREADABLE_ALL;
}

static struct store_unreadable *add_note(struct store_db *db, enum store_row_kind kind, int64_t id)
{
	struct store_unreadable *more = db->unreadable;

	if (db->unreadable_count < NOTES_MAX)
		more = reallocarray(more, db->unreadable_count + 1, sizeof(*more));
	else
		memmove(more, more + 1, --db->unreadable_count * sizeof(*more));
	if (more == NULL)
		return NULL;
	db->unreadable = more;
	more[db->unreadable_count] = (struct store_unreadable){.kind = kind, .id = id};
	return &more[db->unreadable_count++];
}

static const char *part_name(unsigned part)
{
	switch (part) {
	case UNREADABLE_PAYLOAD:
		return "payload";
	case UNREADABLE_EVENT:
		return "event";
	case UNREADABLE_FAILURE:
		return "failure";
	case UNREADABLE_STATES:
		return "later states";
	case UNREADABLE_KEY:
		return "ordering key";
	default:
		return "all";
	}
}

static void log_note(struct store_db *db, const struct store_unreadable *at, int rc, bool given_up,
	int64_t others)
{
	static const char *const kinds[] = {"delivery", "hook", "event"};
	struct log_field id = log_int(kinds[at->kind], at->id);
	unsigned suppressed;

	if (!log_allowed(&db->failures, &suppressed))
		return;
	if (suppressed > 0)
		log_warn("store errors were not all logged", log_int("suppressed", suppressed));
	if (is_no_memory(rc))
		log_warn("out of memory: a delivery is left for later", id);
	else
		log_write(given_up ? LOG_ERROR : LOG_WARN,
			given_up ? "store cannot read a delivery"
				 : "store could not read a delivery: it is tried again",
			id, log_text("part", part_name(at->parts)), log_int("others", others),
			log_text("error", sqlite3_errstr(rc)), log_text("file", db->path),
			log_text("hint", "hookctl check"), LOG_END);
}

static struct store_unreadable *take_note(struct store_db *db, enum store_row_kind kind, int64_t id)
{
	struct store_unreadable *note = find_note(db, kind, id);

	return note != NULL ? note : add_note(db, kind, id);
}

static void leave(struct store_unreadable *note, int64_t for_ms)
{
	note->parts |= UNREADABLE_ALL;
	note->until = clock_steady() + for_ms;
}

static bool leave_delivery(struct store_db *db, int64_t delivery, int64_t for_ms)
{
	struct store_unreadable *note = take_note(db, ROW_DELIVERY, delivery);

	if (note != NULL)
		leave(note, for_ms);
	return note != NULL;
}

/* Can a delivery's own row be read? */
static bool can_read(struct store_db *db, int64_t delivery)
{
	sqlite3_stmt *s = db->sql[SQL_CHANGE_FIND];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, delivery, &rc);
	return !store_is_read_error(store_step(s, rc));
}

/* A page has hundreds of deliveries: finds out at once which of them cannot be read. */
static int64_t leave_neighbours(struct store_db *db, int64_t delivery, int64_t for_ms)
{
	int64_t found = 0;

	for (int direction = -1; direction <= 1; direction += 2) {
		int64_t next = delivery + direction;
		for (; found < NEIGHBOURS_MAX && !can_read(db, next); next += direction)
			found += leave_delivery(db, next, for_ms);
	}
	return found;
}

/* A row may be readable, and not writable: changing it moves rows between its page and the damaged
 * one. Then many are in the same case; so with each failure more of the following are left. */
static void leave_following(struct store_db *db, int64_t delivery, int64_t for_ms)
{
	unsigned more = db->again < 9 ? 1U << db->again : 512;

	for (unsigned i = 1; i < more; i++)
		(void)leave_delivery(db, delivery + i, for_ms);
}

/* Of a delivery that is left altogether. Returns how many others cannot be read. */
static int64_t leave_others(struct store_db *db, int64_t delivery, int64_t for_ms)
{
	if (!can_read(db, delivery))
		return leave_neighbours(db, delivery, for_ms);
	leave_following(db, delivery, for_ms);
	return 0;
}

bool store_unreadable_note(struct store_db *db, int rc)
{
	struct store_unreadable at = db->reading;
	bool memory = is_no_memory(rc) && at.kind != ROW_EVENT;
	bool known = at.parts != 0 && at.id != 0 && (memory || store_is_read_error(rc));
	int64_t others = 0;

	struct store_unreadable *note =
		known && db->again < AGAIN_MAX ? take_note(db, at.kind, at.id) : NULL;
	if (note == NULL) {
		db->again = 0;
		return false;
	}
	note->tries += !memory;
	bool given_up = !memory && note->tries >= TRIES;
	if (given_up && at.parts != UNREADABLE_ALL)
		note->parts = (note->parts & ~(unsigned)UNREADABLE_ALL) | at.parts;
	else
		leave(note, given_up ? LEFT_FOR : TRY_AFTER);
	if (!memory && at.kind == ROW_DELIVERY && at.parts == UNREADABLE_ALL)
		others = leave_others(db, at.id, given_up ? LEFT_FOR : TRY_AFTER);
	log_note(db, &at, rc, given_up, others);
	db->again++;
	return given_up || at.kind != ROW_EVENT;
}

bool store_unreadable_for_good(const struct store_db *db, enum store_row_kind kind, int64_t id)
{
	const struct store_unreadable *note = find_note(db, kind, id);

	return note != NULL && note->tries >= TRIES;
}
