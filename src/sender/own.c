/* sender/own.c - hookd's own events, as src/reporter/ makes them: name, id, created_at. */
#include "sender/sender.h"

static const struct event_member body[] = {
	EVENT_VALUE("id", EVENT_FIELD_ID),
	EVENT_VALUE("name", EVENT_FIELD_TYPE),
	EVENT_VALUE("created_at", EVENT_FIELD_CREATED_AT),
	EVENT_END,
};

static const struct lifecycle_state states[] = {{.name = NULL}};

const struct sender sender_own = {
	.name = "hookd",
	.title = "hookd",
	.shape = {.members = body},
	.states = states,
};
