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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a secret begins, and which of the sender's modes it is for. */
struct sender_mode {
	const char *prefix; /* "wh_live_"; NULL ends the list */
	const char *name;   /* "live" */
};

/* The event that `sample` is to make up. */
struct sender_sample {
	const char *type;
	int64_t amount; /* in the sender's usual currency; unused if the type has none */
	int64_t now;    /* unix ms: when the event was made; nothing in it is later */
};

struct sender {
	const char *name;  /* `scheme` in the config */
	const char *title; /* as people write it */
	const char *path;  /* where its webhook usually goes: "/webhooks/NAME" */

	struct verify_scheme proof;
	const struct sender_mode *modes; /* of secrets; at least two */
	const char *api_key;      /* how an API key begins, which users take for the secret */
	const size_t *rewritings; /* jansson's flags for the ways in which the sender, or a tool
				   * that rewrites its JSON, writes it; 0 ends the list */

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

/* The mode that a secret is for by its prefix; NULL: no sender's secrets begin like that. */
const struct sender_mode *sender_mode_of(const struct secret *secret);

/* Does a text begin as some sender's secrets do? */
bool sender_is_secret(const char *text);

#endif
