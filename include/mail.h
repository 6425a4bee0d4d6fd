/* mail.h - an Internet message (RFC 5322, MIME) from checked parts. Pure but for
 * the host's name; any thread.
 * No control character of an event ever gets into a header: whoever gives one
 * gets it back as a fault. */
#ifndef HOOKD_MAIL_H
#define HOOKD_MAIL_H

#include "attributes.h"
#include "buf.h"

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
 * with commas between. An empty or blank text adds none. False: why says what is
 * wrong with which, with no more than was given quoted and escaped: control
 * characters, no @, spaces, a bad local part or domain, one too many. */
bool mail_addresses_add(
	struct mail_addresses *to, const char *text, size_t len, char why[MAIL_WHY]) WARN_UNUSED;
void mail_addresses_free(struct mail_addresses *a);

struct mail_part {
	const char *type; /* "application/json" */
	const char *name; /* file name, ASCII */
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

/* Appends the whole message, CRLF line ends, no line over 998 bytes, no Bcc.
 * Message-ID: <first 32 hex digits of SHA-256 of message_key @ the domain of from>;
 * Date with the process's time zone; Auto-Submitted: auto-generated. Encoded words (RFC 2047) for
 * names and subject that are not plain ASCII; folded; 7-bit-safe bodies
 * (quoted-printable, or as they are). False: why, as for addresses; out is as it
 * was. */
bool mail_write(const struct mail *m, struct buf *out, char why[MAIL_WHY]) WARN_UNUSED;

#endif
