/* mail/header.h - the header fields of a mail (RFC 5322) and what they may contain: folded at
 * 76 columns, with encoded words (RFC 2047) for what is not plain ASCII. Pure; any
 * thread. */
#ifndef HOOKD_MAIL_HEADER_H
#define HOOKD_MAIL_HEADER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Does it contain anything that some reader takes for a line break, or that controls a
 * terminal? C0 and C1 controls, DEL, U+2028 and U+2029. */
bool mail_has_control(const char *bytes, size_t len) WARN_UNUSED;

#define MAIL_QUOTED 180

/* The bytes in quotes, for a message: escaped, and cut short. */
void mail_quote(const char *bytes, size_t len, char out[MAIL_QUOTED]);

/* NULL if it is a mailbox, local@domain, as mail/mail.h describes it; else what is wrong, to
 * follow it in a message: "has no @: expected …" (a literal). */
const char *mail_mailbox_fault(const char *mailbox, size_t len) WARN_UNUSED;

/* A field that is being written. */
struct mail_header {
	struct buf *out;
	size_t column; /* in the current line */
	bool bare;     /* nothing follows the colon yet */
};

/* Starts the field; ends its last line. */
void mail_header_start(struct mail_header *h, struct buf *out, const char *name);
void mail_header_end(struct mail_header *h);

/* Adds a space and the token, on a new line if it does not fit. The token is ASCII without
 * control characters; a line has over 76 columns only if the token alone does. */
void mail_header_token(struct mail_header *h, const char *token, size_t len);

/* Adds UTF-8 without control characters: an unstructured text such as a subject,
 * or the name before a mailbox. Bytes that are not UTF-8 become U+FFFD. */
void mail_header_text(struct mail_header *h, const char *text, size_t len);
void mail_header_name(struct mail_header *h, const char *name, size_t len);

/* Appends the text as a quoted string: printable ASCII. */
void mail_header_quoted(struct buf *out, const char *text, size_t len);

#endif
