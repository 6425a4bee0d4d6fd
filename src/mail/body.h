/* mail/body.h - the parts of a mail (RFC 2045, 2046, 2183): an entity is the
 * Content- header fields, an empty line, a body that is empty or ends with CRLF.
 * Shared by mail*.c alone. Pure; any thread. */
#ifndef HOOKD_MAIL_BODY_H
#define HOOKD_MAIL_BODY_H

#include "base/buf.h"
#include "mail/mail.h"

#include <stddef.h>

/* Appends an entity of text/SUBTYPE. Each CR LF, CR or LF is a line end; the last
 * line gets one when it has none. What is not UTF-8, and NUL, becomes U+FFFD.
 * As it is (7bit) where that is safe, else quoted-printable. */
void mail_body_text(struct buf *out, const char *subtype, const char *text, size_t len);

/* Appends an entity with the file, base64. Type and name have been checked. */
void mail_body_file(struct buf *out, const struct mail_part *file);

/* Appends an entity of multipart/SUBTYPE around others. The boundary is made from
 * `key` and occurs in none of them. */
void mail_body_multipart(struct buf *out, const char *subtype, const char *key,
	const struct buf *entities, size_t count);

#endif
