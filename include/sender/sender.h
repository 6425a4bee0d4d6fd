/* sender/sender.h - the senders that hookd knows. A sender is one row: how its requests are proven,
 * what its bodies look like, and what its users get wrong. To add a sender, add a file with its row
 * in src/sender/ and a line in sender.c; no file elsewhere names one. Constant data; any thread. */
#ifndef HOOKD_SENDER_H
#define HOOKD_SENDER_H

#include "base/buf.h"
#include "base/secret.h"
#include "event/lifecycle.h"
#include "event/shape.h"
#include "verify/verify.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a secret begins, and which of the sender's modes it is for. */
struct sender_mode {
	const char *prefix; /* "wh_live_"; NULL ends the list */
	const char *name;   /* "live" */
	const char *hint;   /* what is likely if secrets of it match no request */
};

/* An API key's beginning, its mode as in `modes`, and where the API of that mode is. */
struct sender_api_mode {
	const char *prefix; /* "sk_live_"; NULL ends the list */
	const char *name;   /* "live" */
	const char *url;    /* without a slash at its end */
};

/* A part of an entity that a webhook has and an event of the API has not. */
struct sender_api_part {
	const char *name; /* NULL ends the list */
	const char *id;   /* the entity's member that has its id; NULL: it is only included */
	const char *path; /* where it is by itself, before the id */
};

/* Where an entity of a kind is. */
struct sender_api_entity {
	const char *kind;   /* NULL ends the list */
	const char *path;   /* before the id */
	const char *search; /* lists all of the kind, with a query; NULL: nothing does */
};

/* A sender's API, as far as events are read back from it. */
struct sender_api {
	const struct sender_api_mode *modes;
	const char *events; /* the path of their list */
	const struct sender_api_entity *entities;
	const char *status;   /* the member of an entity that has its state */
	const char *include;  /* added to a query: entities have their parts */
	const char *webhooks; /* the path of their list, and before the id of one */
	const struct sender_api_part *parts;
};

/* The event that `sample` is to make up. */
struct sender_sample {
	const char *type;
	int64_t amount; /* in the sender's usual currency; unused if the type has none */
	int64_t now;    /* unix ms: when the event was made; nothing in it is later */
};

/* The values that a member of its events was seen to have. */
struct sender_values {
	const char *path; /* "entity.status"; NULL ends the list */
	const char *what; /* in words: "status" */
	const char *const *words;
};

struct sender {
	const char *name;  /* `scheme` in the config */
	const char *title; /* as people write it */
	const char *path;  /* where its webhook usually goes: "/webhooks/NAME" */

	struct verify_scheme proof;
	const struct sender_mode *modes; /* of secrets; at least two */
	const char *api_key;      /* how an API key begins, which users take for the secret */
	const char *public_key;   /* how a public one does */
	const size_t *rewritings; /* jansson's flags for the ways in which the sender, or a tool
				   * that rewrites its JSON, writes it; 0 ends the list */

	bool escapes_html; /* writes &, < and > as \u0026 …: see sender_write */

	struct event_shape shape;
	const struct lifecycle_state *states;
	const char *paid; /* the type of event that makes a payment count as made */

	const char *sample_type; /* of a made-up event, if no other is given */
	int64_t sample_amount;
	/* Does an event of this type have an amount? */
	bool (*sample_has_amount)(const char *type);
	/* Appends a made-up body as the sender writes it, with new ids each time: random
	 * numbers need sodium_init(). False: out of memory. */
	bool (*sample)(const struct sender_sample *sample, struct buf *out);

	/* What is known of its events, each list with a NULL at its end; there may be more. */
	const char *const *types;
	const struct sender_values *values;
	const char *const *optional; /* paths that a sample lacks: each with all below it */

	const struct sender_api *api; /* NULL: it has none */

	const char *when_silent; /* what to check if no events come: a sentence for a mail, wrapped
				  * at 76 columns with four spaces before each further line */
};

/* hookd as the sender of its own digest and silence events: its row has only their shape, and is
 * not in the list below. */
extern const struct sender sender_own;

/* The sender of that name, or NULL. */
const struct sender *sender_find(const char *name);

/* The i-th sender, NULL past the last. */
const struct sender *sender_at(size_t i);

/* The sender of events whose source no config names, and the one to assume where none is
 * given. */
const struct sender *sender_default(void);

/* Appends JSON by jansson's flags; html_safe: with &, < and > as \u0026, \u003c, \u003e. False: out
 * of memory. */
bool sender_write(const json_t *json, size_t flags, bool html_safe, struct buf *out) WARN_UNUSED;

/* What makes a source refuse requests for that reason (as verify_reason has it), most likely: a
 * constant text, a sentence without its period, for the log, alerts and hookctl. NULL: it is no
 * reason of a signature. */
const char *sender_hint(const struct sender *sender, const char *reason,
	struct secret *const *secrets, size_t count);

/* The mode that a secret is for by its prefix; NULL: no sender's secrets begin like that. */
const struct sender_mode *sender_mode_of(const struct secret *secret);

/* The mode that a key of the sender's API is for; NULL: its keys do not begin like that, or it has
 * no API. */
const struct sender_api_mode *sender_api_mode_of(
	const struct sender *sender, const struct secret *key);

/* Does a text begin as some sender's secrets do? */
bool sender_is_secret(const char *text);

#endif
