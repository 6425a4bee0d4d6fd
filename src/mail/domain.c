/* mail/domain.c - the domain of a mailbox in the form that mail servers know: ASCII, by IDNA 2008.
 * GnuTLS has it from libidn2; libcurl would take the text for one in the process's locale. */
#include "domain.h"

#include <gnutls/gnutls.h>
#include <stdint.h>

bool mail_domain_to_ascii(const char *domain, size_t len, struct buf *out)
{
	gnutls_datum_t ascii = {0};

	if (len > UINT16_MAX ||
		gnutls_idna_map(domain, (unsigned)len, &ascii, GNUTLS_IDNA_FORCE_2008) != 0)
		return false;
	buf_add(out, ascii.data, ascii.size);
	gnutls_free(ascii.data);
	return buf_ok(out);
}
