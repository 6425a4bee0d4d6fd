/* hookctl/diagnose/changes.h - the likely accidents, each undone: tables for
 * hookctl/diagnose/diagnose.c. A further one is a function and a row. Row 0 of each table changes
 * nothing. Pure; any thread. */
#ifndef HOOKD_DIAGNOSE_CHANGES_H
#define HOOKD_DIAGNOSE_CHANGES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define DIAGNOSE_BODIES  18
#define DIAGNOSE_SECRETS 12
#define DIAGNOSE_HEADERS 6

/* `says` goes on from "it matches if …", `cause` names the usual reason. */
struct diagnose_body {
	/* Writes the changed body; false when there is nothing to change. */
	bool (*change)(const char *body, size_t len, struct buf *out);
	const char *says;
	const char *cause;
};

struct diagnose_secret {
	/* Writes the changed secret to out (guarded memory, room for SECRET_MAX + 8
	 * bytes) and returns its length; 0 when there is nothing to change. */
	size_t (*change)(const unsigned char *s, size_t len, unsigned char *out);
	const char *says;
	const char *cause;
};

struct diagnose_header_change {
	/* As for a body; NULL: the header as it is. */
	bool (*change)(const char *header, size_t len, struct buf *out);
	bool bare; /* the HMAC is over the body alone, without "<t>." */
	const char *says;
	const char *cause;
};

extern const struct diagnose_body diagnose_bodies[DIAGNOSE_BODIES];
extern const struct diagnose_secret diagnose_secrets[DIAGNOSE_SECRETS];
extern const struct diagnose_header_change diagnose_headers[DIAGNOSE_HEADERS];

#endif
