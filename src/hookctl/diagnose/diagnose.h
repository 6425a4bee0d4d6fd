/* hookctl/diagnose/diagnose.h - why does no signature match? The usual accidents are undone one at
 * a time, and the signature is computed again, so every cause that is reported has been verified:
 *
 *   1. something parsed the JSON of the body and wrote it again
 *   2. the body gained or lost a line end, or white space at its ends
 *   3. the secret was copied along with white space or quotes
 *   4. the signature is over the body alone, without the time, or without the dot between them
 *   5. the header has another tag (v1=, sha256=), upper case, its time in milliseconds, or was
 *      copied along with white space or quotes
 *   6. the secret is another endpoint's, another mode's, or an API key
 *
 * Neither a secret nor an expected signature is part of any text. sodium_init() must have
 * succeeded; any thread. */
#ifndef HOOKD_DIAGNOSE_H
#define HOOKD_DIAGNOSE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "sender/sender.h"

#include <stdbool.h>

/* For a request that verify_signature refused with MALFORMED, NO_SCHEME or NO_MATCH. True: it
 * matches with one of the accidents 1 to 5 undone, and `out` got a line that names the accident
 * and its usual cause. The request's tolerance and now are ignored. */
bool diagnose_mismatch(const struct sender *sender, const struct verify_request *request,
	struct buf *out) WARN_UNUSED;

/* For a request with a good header that none of these accidents explains: appends lines about
 * accident 6. */
void diagnose_hint(
	const struct sender *sender, const struct verify_request *request, struct buf *out);

#endif
