/* catchup/answer.h - what a sender's API answers, read without trust: a list of events and its
 * meta, one object, the text of an error. Envelopes are found by their form, not by their names:
 * a list is the first member that is an array, an object the first that is an object. Pure; any
 * thread. */
#ifndef HOOKD_CATCHUP_ANSWER_H
#define HOOKD_CATCHUP_ANSWER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum answer_result {
	ANSWER_OK,
	ANSWER_UNREADABLE, /* not JSON, or not of that form */
	ANSWER_NO_MEMORY,
};

/* A row of a list of events. What is needed to know an event is there, or the row is unreadable. */
struct answer_event {
	const char *id; /* as text */
	const char *type;
	const char *object;        /* "transaction"; NULL: none */
	const json_t *object_id;   /* a text or an integer; NULL: none */
	const json_t *account_id;  /* as that */
	int64_t created_at;        /* unix ms */
	const char *entity;        /* a JSON text that is an object; NULL: there is none */
	const json_t *raw;         /* the row */
	bool unreadable;           /* id, type or created_at is missing: the rest is not set */
	char *own_id, *own_entity; /* for answer_list_free */
};

enum answer_next { ANSWER_NEXT_UNKNOWN, ANSWER_NEXT_NONE, ANSWER_NEXT_MORE };

struct answer_list {
	struct answer_event *rows;
	size_t count;
	enum answer_next next; /* whether meta names another page */
	int64_t per_page;      /* as meta has it; 0: unknown */
	json_t *root;          /* what the rows point into */
};

/* Reads a page of a list of events. *out is empty unless the result is OK; free it then. */
enum answer_result answer_read_events(
	const char *text, size_t len, struct answer_list *out) WARN_UNUSED;
void answer_list_free(struct answer_list *list);

/* Reads a page of a list of objects: *out is a new array, whose entries are objects. */
enum answer_result answer_read_objects(const char *text, size_t len, json_t **out) WARN_UNUSED;

/* Reads one object: *out is new. */
enum answer_result answer_read_object(const char *text, size_t len, json_t **out) WARN_UNUSED;

#define ANSWER_MESSAGE 200 /* bytes of an error's text that are repeated */

/* Appends the message of an error's answer, escaped for a log; nothing if it has none. */
void answer_error_text(const char *text, size_t len, struct buf *out);

/* Reads a Retry-After, a number of seconds or a date, as ms from `now` (unix ms), at most `max`;
 * 0: it is neither, or over. */
int64_t answer_retry_after(const char *value, int64_t now, int64_t max);

/* Reads a header's date ("Mon, 30 Nov 2026 12:00:00 GMT") as unix ms; 0: it is none. */
int64_t answer_date(const char *value);

#endif
