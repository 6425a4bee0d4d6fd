/* mail/domain.h - internationalised domains. Pure; any thread. Private to mail. */
#ifndef HOOKD_MAIL_DOMAIN_H
#define HOOKD_MAIL_DOMAIN_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the domain, UTF-8, as ASCII (xn--…). False: it is not one, or out of memory. */
bool mail_domain_to_ascii(const char *domain, size_t len, struct buf *out) WARN_UNUSED;

#endif
