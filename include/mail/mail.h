/* mail/mail.h - makes an Internet message (RFC 5322, MIME) from parts that it checks. Pure, except
 * for the process's time zone: the same mail always becomes the same bytes. Any thread. No control
 * character of an event ever gets into a header: it is an error. */
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
	char *mailbox; /* local@domain, at most 254 bytes; the domain in ASCII (IDNA); a local
			* part that is not needs a server with SMTPUTF8 (RFC 6531) */
};

struct mail_addresses {
	struct mail_address *list;
	size_t count;
};

/* Appends the addresses of a text: `a@b`, `Name <a@b>`, `"Na, me" <a@b>`, separated by
 * commas. Blank text adds none, also between two commas, since a template may leave that.
 * Bytes of a name that are not UTF-8 become U+FFFD.
 *
 *   mailbox = local "@" domain            at most 254 bytes
 *   local   = a dot-atom of RFC 5322, or a quoted string, with UTF-8 (RFC 6532); does not start
 *             with "-" (a program might take that for an option), no encoded word
 *   domain  = labels of letters, digits and hyphens, the last not a number;
 *             no [address]; a domain in UTF-8 is converted
 *
 * No comments, groups or routes. False: why quotes the address, escaped and cut short, and
 * says what is wrong: `"a b@c" has a space before its @`; `to` is unchanged. */
bool mail_addresses_add(
	struct mail_addresses *to, const char *text, size_t len, char why[MAIL_WHY]) WARN_UNUSED;
void mail_addresses_free(struct mail_addresses *a);
/* Why a mail has no such address in reply_to. */
#define MAIL_REPLY_TO_FAULT "has a part before its @ that is not ASCII, which reply_to may not have"

/* With a domain in ASCII: is the part before the @, too? */
bool mail_address_is_ascii(const struct mail_address *a);

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
	const char *html; /* the same. At least one of text and html is set */
	size_t html_len;
	const struct mail_part *attachment; /* NULL: none */
	const char *message_key;            /* the Message-ID is made from it: the same for each
					     * attempt of a delivery, different for each delivery */
	int64_t date;                       /* unix ms */
};

/* Appends the whole message: CRLF line ends and no other CR or LF, ASCII except in
 * mailboxes that are not, no line over 998 bytes, header fields folded at 76 columns where
 * possible, no Bcc.
 *
 *   Date            with the process's time zone
 *   To              "undisclosed-recipients:;" when there is neither to nor cc
 *   Message-ID      <first 32 hex digits of SHA-256 of message_key @ domain of from>
 *   Subject         none when it is blank
 *   Auto-Submitted  auto-generated
 *
 * Encoded words (RFC 2047) for names and a subject that are not plain ASCII, look like
 * encoded words or cannot be folded. Bodies are sent as 7bit if they are ASCII with short
 * lines and no line that a mail program could interpret ("." alone, "From "), else as
 * quoted-printable; NUL and what is not UTF-8 become U+FFFD.
 *
 * False: why, starting with the field; out is unchanged. Refused: a control
 * character (C0, DEL, C1, U+2028, U+2029) in a name, an address, the subject or the
 * attachment's name; a mailbox that mail_addresses_add would refuse; no recipient or
 * more than MAIL_ADDRESSES; a date outside the years 1900 to 9999. */
bool mail_write(const struct mail *m, struct buf *out, char why[MAIL_WHY]) WARN_UNUSED;

#endif
