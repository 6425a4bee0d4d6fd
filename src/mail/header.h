/* mail/header.h - the header fields of a mail (RFC 5322) and what may stand in
 * them: folded at 76 columns, encoded words (RFC 2047) for what is not plain
 * ASCII. Shared by mail*.c alone. Pure; any thread. */
#ifndef HOOKD_MAIL_HEADER_H
#define HOOKD_MAIL_HEADER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Has it anything that could begin a new line, in any reader's eyes, or that
 * steers a terminal? C0 and C1 controls, DEL, U+2028 and U+2029. */
bool mail_has_control(const char *bytes, size_t len) WARN_UNUSED;

#define MAIL_QUOTED 180

/* The bytes in quotes for a message: escaped, and cut when they are long. */
void mail_quote(const char *bytes, size_t len, char out[MAIL_QUOTED]);

/* NULL when it is a mailbox, local@domain, as mail/mail.h describes it; else what is
 * wrong, to be read behind it: "has no @: expected …" (a literal). */
const char *mail_mailbox_fault(const char *mailbox, size_t len) WARN_UNUSED;

/* A field under way. */
struct mail_header {
	struct buf *out;
	size_t column; /* of the line under way */
	bool bare;     /* nothing stands behind the colon yet */
};

/* Begins the field, writes pieces of it, ends its line. */
void mail_header_start(struct mail_header *h, struct buf *out, const char *name);
void mail_header_end(struct mail_header *h);

/* Adds a space and the token, on a new line when it does not fit. ASCII without
 * control characters; over 76 columns only if the token alone is. */
void mail_header_token(struct mail_header *h, const char *token, size_t len);

/* Adds UTF-8 without control characters: an unstructured text such as a subject,
 * or the name in front of a mailbox. Bytes that are not UTF-8 become U+FFFD. */
void mail_header_text(struct mail_header *h, const char *text, size_t len);
void mail_header_name(struct mail_header *h, const char *name, size_t len);

/* Appends the text as a quoted string: printable ASCII. */
void mail_header_quoted(struct buf *out, const char *text, size_t len);

#endif
