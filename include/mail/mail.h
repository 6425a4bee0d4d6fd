/* mail/mail.h - an Internet message (RFC 5322, MIME) from checked parts. Pure but for
 * the process's time zone: the same mail gives the same bytes. Any thread.
 * No control character of an event ever gets into a header: whoever gives one
 * gets it back as a fault. */
#ifndef HOOKD_MAIL_H
#define HOOKD_MAIL_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAIL_WHY       256
#define MAIL_ADDRESSES 100 /* recipients of one mail, to, cc and bcc together */

struct mail_address {
	char *name;    /* decoded, UTF-8; NULL: none */
	char *mailbox; /* local@domain, ASCII (an internationalised domain as punycode
			* is the writer's matter); at most 254 bytes */
};

struct mail_addresses {
	struct mail_address *list;
	size_t count;
};

/* Appends the addresses of a text: `a@b`, `Name <a@b>`, `"Na, me" <a@b>`, several
 * with commas between. An empty or blank text adds none, nor does an empty place
 * between two commas, since a template may have left it so. Bytes of a name that
 * are not UTF-8 become U+FFFD.
 *
 *   mailbox = local "@" domain            at most 254 bytes, ASCII
 *   local   = a dot-atom of RFC 5322, or a quoted text; no "-" in front (a
 *             program might take it for an option), no encoded word
 *   domain  = labels of letters, digits and hyphens, the last not a number;
 *             no [address]
 *
 * No comments, groups or routes. False: why says what is wrong with which, with no
 * more than was given quoted, escaped and cut: `"a b@c" has a space in front of
 * its @`; to is as it was. */
bool mail_addresses_add(
	struct mail_addresses *to, const char *text, size_t len, char why[MAIL_WHY]) WARN_UNUSED;
void mail_addresses_free(struct mail_addresses *a);

struct mail_part {
	const char *type; /* "application/json": no parameters */
	const char *name; /* file name, 1 to 200 printable ASCII characters */
	const void *bytes;
	size_t len;
};

struct mail {
	struct mail_address from;
	struct mail_addresses to, cc, bcc, reply_to;
	const char *subject; /* UTF-8 */
	size_t subject_len;
	const char *text; /* UTF-8, any line ends; NULL: none */
	size_t text_len;
	const char *html; /* the same; NULL: none. At least one of the two */
	size_t html_len;
	const struct mail_part *attachment; /* NULL: none */
	const char *message_key;            /* what the Message-ID is made from: the same for each
					     * attempt of a delivery, different between deliveries */
	int64_t date;                       /* unix ms */
};

/* Appends the whole message: CRLF line ends and no other CR or LF, ASCII, no line
 * over 998 bytes, header fields folded at 76 columns where they can be, no Bcc.
 *
 *   Date            with the process's time zone
 *   To              "undisclosed-recipients:;" when there is neither to nor cc
 *   Message-ID      <first 32 hex digits of SHA-256 of message_key @ domain of from>
 *   Subject         none when it is blank
 *   Auto-Submitted  auto-generated
 *
 * Encoded words (RFC 2047) for names and subject that are not plain ASCII, look like
 * encoded words or cannot be folded. Bodies as they are if they are ASCII with short
 * lines and no line that something on the way could take for its own ("." alone,
 * "From "), else quoted-printable; NUL becomes U+FFFD, as does what is not UTF-8.
 *
 * False: why, beginning with the field; out is as it was. Refused: a control
 * character (C0, DEL, C1, U+2028, U+2029) in a name, an address, the subject or the
 * attachment's name; a mailbox that mail_addresses_add would refuse; no recipient or
 * more than MAIL_ADDRESSES; a date outside the years 1900 to 9999. */
bool mail_write(const struct mail *m, struct buf *out, char why[MAIL_WHY]) WARN_UNUSED;

#endif
