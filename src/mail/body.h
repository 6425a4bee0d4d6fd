/* mail/body.h - the parts of a mail (RFC 2045, 2046, 2183): an entity is the
 * Content- header fields, an empty line, a body that is empty or ends with CRLF.
 * Pure; any thread. */
#ifndef HOOKD_MAIL_BODY_H
#define HOOKD_MAIL_BODY_H

#include "base/buf.h"
#include "mail/mail.h"

#include <stddef.h>

/* Appends an entity of text/SUBTYPE. CR LF, CR and LF each end a line; the last line gets
 * an end if it has none. NUL and what is not UTF-8 become U+FFFD. Encoded as 7bit where
 * that is safe, else as quoted-printable. */
void mail_body_text(struct buf *out, const char *subtype, const char *text, size_t len);

/* Appends an entity with the file, in base64. The caller has checked type and name. */
void mail_body_file(struct buf *out, const struct mail_part *file);

/* Appends an entity of multipart/SUBTYPE that contains the others. The boundary is made from
 * `key` and occurs in none of them. */
void mail_body_multipart(struct buf *out, const char *subtype, const char *key,
	const struct buf *entities, size_t count);

#endif
