/* http/certificate.h - the certificate chain and the key of HTTPS: reads them, and finds what would
 * keep GnuTLS from using them. Any thread. */
#ifndef HOOKD_CERTIFICATE_H
#define HOOKD_CERTIFICATE_H

#include "base/attributes.h"
#include "http/server.h"

#include <stdbool.h>

/* Both as PEM, in guarded memory. */
struct certificate {
	char *chain, *key;
};

/* False: `why` names the file, and what to do. Free it with certificate_free in any case. */
bool certificate_load(struct certificate *c, const char *chain_file, const char *key_file,
	char why[HTTP_WHY]) WARN_UNUSED;
void certificate_free(struct certificate *c);

/* Is it valid now? If not, `why` says since when, or from when on. */
bool certificate_is_valid(
	const struct certificate *c, const char *chain_file, char why[HTTP_WHY]) WARN_UNUSED;

#endif
