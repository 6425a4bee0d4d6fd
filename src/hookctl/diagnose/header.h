/* hookctl/diagnose/header.h - a signature header as a person would read it: its parts, counted.
 * Pure; any thread. */
#ifndef HOOKD_DIAGNOSE_HEADER_H
#define HOOKD_DIAGNOSE_HEADER_H

#include "verify/verify.h"

#include <stdbool.h>
#include <stddef.h>

struct diagnose_header {
	const char *t; /* the first time, without its tag; NULL: none */
	size_t t_len;
	bool t_number;
	size_t signatures;
	size_t unreadable; /* of the signatures: not 64 lower-case hex digits */
	bool spaces;       /* a part begins or ends with white space */
};

/* The pointers are into `header`. */
void diagnose_header(const struct verify_scheme *scheme, const char *header, size_t len,
	struct diagnose_header *out);

/* A time of at least this value must be milliseconds: as seconds it would be after the year
 * 5138. */
#define DIAGNOSE_MILLISECONDS 100000000000

#endif
