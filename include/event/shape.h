/* event/shape.h - what a sender's bodies look like: where in the JSON hookd finds the values
 * that it reads itself. Each sender's row (sender/sender.h) has one; event.c, scan.c and
 * payment.c read bodies by it. Constant data; any thread. */
#ifndef HOOKD_EVENT_SHAPE_H
#define HOOKD_EVENT_SHAPE_H

#include <stddef.h>

/* What the value of a member is to hookd. */
enum event_field {
	EVENT_FIELD_ID,         /* the sender's id of the event, a text or an integer */
	EVENT_FIELD_TYPE,       /* "transaction.approved" */
	EVENT_FIELD_TYPE_ELSE,  /* the same, for an event without the first */
	EVENT_FIELD_KIND,       /* the entity's kind, "transaction" */
	EVENT_FIELD_KIND_CLASS, /* else its class, "v1/transaction": the kind follows the slash */
	EVENT_FIELD_ENTITY_ID,  /* a text or an integer */
	EVENT_FIELD_ENTITY_ID_ELSE, /* the same, for an event without the first */
	EVENT_FIELD_CREATED_AT,     /* when the event happened, RFC 3339 */
	EVENT_FIELD_UPDATED_AT,     /* when the entity last changed, RFC 3339: the time of an event
				     * that has none, and part of the key of one without an id */
	EVENT_FIELDS
};

/* Instead of a field: each member whose name ends so ("approved_at") says when the entity came into
 * that state, RFC 3339. */
#define EVENT_MOMENTS (EVENT_FIELDS + 1)

/* A member of a JSON object: a value that is wanted, or an object with such members. A list
 * of them ends with EVENT_END. */
struct event_member {
	const char *name;
	size_t len;
	int field;                          /* enum event_field, or EVENT_MOMENTS */
	const struct event_member *members; /* NULL: it is a value */
};

#define EVENT_VALUE(name, field)                                                                   \
	{                                                                                          \
		name, sizeof(name) - 1, field, NULL                                                \
	}
#define EVENT_OBJECT(name, members)                                                                \
	{                                                                                          \
		name, sizeof(name) - 1, EVENT_FIELDS, members                                      \
	}
#define EVENT_EACH_MOMENT(suffix)                                                                  \
	{                                                                                          \
		suffix, sizeof(suffix) - 1, EVENT_MOMENTS, NULL                                    \
	}
#define EVENT_END                                                                                  \
	{                                                                                          \
		NULL, 0, EVENT_FIELDS, NULL                                                        \
	}

/* The members of an entity that say what was paid and by whom; NULL: there is none. */
struct event_payment {
	const char *id; /* the entity's, as under EVENT_FIELD_ENTITY_ID */
	const char *reference, *reference_else;
	const char *amount, *fees, *mode;
	const char *refunds; /* a list; each has an id and an amount as the entity has them */
	const char *currency, *currency_code; /* the code, or an object and the code in it */
	const char *customer;                 /* an object; else the entity is the customer */
	const char *full_name, *first_name, *last_name, *email; /* of the customer */
};

struct event_shape {
	const struct event_member *members; /* of the body; the last in a list is the one for
					     * moments, if there is one */
	const char *entity; /* the member of the body that is the entity, an object */
	struct event_payment payment;
};

#endif
