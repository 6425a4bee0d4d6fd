/* mail/address.c - reads addresses, checks them, and writes them for a header or an envelope. */
#include "base/character.h"
#include "base/utf8.h"
#include "domain.h"
#include "header.h"
#include "mail/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAILBOX_MAX 254 /* RFC 5321: a path is 256 with its angle brackets */
#define DOMAIN_MAX  253
#define LABEL_MAX   63
#define BAD_DOMAIN  "has a bad domain: expected letters, digits, hyphens and dots"

/* A part of the text. */
struct span {
	const char *at;
	size_t len;
};

static bool refuse_address(struct span s, const char *what, char why[MAIL_WHY])
{
	char quoted[MAIL_QUOTED];

	mail_quote(s.at, s.len, quoted);
	(void)snprintf(why, MAIL_WHY, "%s %s", quoted, what);
	return false;
}

static bool no_memory(char why[MAIL_WHY])
{
	(void)snprintf(why, MAIL_WHY, "out of memory");
	return false;
}

static struct span trim(struct span s)
{
	while (s.len > 0 && s.at[0] == ' ') {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && s.at[s.len - 1] == ' ')
		s.len--;
	return s;
}

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* atext of RFC 5322 */
static bool is_atom(char c)
{
	return is_letter_or_digit(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* ---- the mailbox ---- */

/* Length of the quoted string at s, with its closing quote; 0: it is not closed. */
static size_t quoted_length(struct span s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Encoded words (RFC 2047) are not allowed in an address. Some servers decode one there
 * nevertheless, to a different address. */
static bool has_encoded_word(struct span s)
{
	const char *start = memmem(s.at, s.len, "=?", 2);

	return start != NULL && memmem(start + 2, s.len - (size_t)(start + 2 - s.at), "?=", 2);
}

static bool good_local_part(struct span s)
{
	if (s.len > 0 && has_encoded_word(s))
		return false;
	if (s.len > 0 && s.at[0] == '"')
		return quoted_length(s) == s.len;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '.') {
			if (i == 0 || i + 1 == s.len || s.at[i - 1] == '.')
				return false;
		} else if (!is_atom(s.at[i]) && (unsigned char)s.at[i] < 0x80) {
			return false;
		}
	}
	return s.len > 0;
}

static bool good_label(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter_or_digit(s.at[i]) && s.at[i] != '-')
			return false;
	return s.len > 0 && s.len <= LABEL_MAX && s.at[0] != '-' && s.at[s.len - 1] != '-';
}

static bool all_digits(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return true;
}

/* The last label is never a number: that would be an IPv4 address, which some servers
 * accept as a literal. */
static bool good_domain(struct span s)
{
	if (s.len > DOMAIN_MAX)
		return false;
	for (;;) {
		const char *dot = memchr(s.at, '.', s.len);
		struct span label = {s.at, dot != NULL ? (size_t)(dot - s.at) : s.len};

		if (!good_label(label))
			return false;
		if (dot == NULL)
			return !all_digits(label);
		s.at += label.len + 1;
		s.len -= label.len + 1;
	}
}

/* The @ that ends the local part; NULL: there is none. */
static const char *find_at(struct span s)
{
	size_t quoted = s.len > 0 && s.at[0] == '"' ? quoted_length(s) : 0;

	return memchr(s.at + quoted, '@', s.len - quoted);
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] >= 0x80)
			return false;
	return true;
}

/* No-break, ideographic and other spaces beside that of ASCII, which IDNA leaves out. */
static bool is_wide_space(unsigned code)
{
	return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
	       code == 0x202f || code == 0x205f || code == 0x3000;
}

static const char *character_fault(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.at;

	if (mail_has_control(s.at, s.len))
		return "has a control character";
	for (size_t i = 0, n; i < s.len; i += n) {
		n = utf8_sequence(p + i, s.len - i);
		if (n == 0)
			return "is not UTF-8";
		if (character_is_invisible(character_code(p + i, n)) ||
			is_wide_space(character_code(p + i, n)))
			return "has a character that cannot be seen";
	}
	return NULL;
}

static const char *local_fault(struct span local)
{
	if (local.len > 0 && (local.at[0] == '-' || (local.at[0] == '"' && local.at[1] == '-')))
		return "starts with \"-\"";
	if (good_local_part(local))
		return NULL;
	return memchr(local.at, ' ', local.len) != NULL && local.at[0] != '"'
		       ? "has a space before its @"
		       : "has a bad part before its @";
}

static bool is_name_of_labels(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_letter_or_digit(s.at[i]) && s.at[i] != '-' && s.at[i] != '.' &&
			(unsigned char)s.at[i] < 0x80)
			return false;
	return true;
}

/* Appends the domain, in ASCII. */
static const char *read_domain(struct span domain, struct buf *out)
{
	size_t before = out->len;

	if (is_ascii(domain))
		buf_add(out, domain.at, domain.len);
	else if (!is_name_of_labels(domain))
		return BAD_DOMAIN; /* before the conversion, which may leave characters out */
	else if (!mail_domain_to_ascii(domain.at, domain.len, out) && buf_ok(out))
		return "has a domain that is none in IDNA";
	if (!buf_ok(out))
		return NULL;
	return good_domain((struct span){out->data + before, out->len - before}) ? NULL
										 : BAD_DOMAIN;
}

/* Appends the mailbox, its domain in ASCII. Returns NULL, or what is wrong with it. */
static const char *read_mailbox(struct span s, struct buf *out)
{
	const char *fault = character_fault(s);
	const char *at = fault == NULL && s.len > 0 ? find_at(s) : NULL;
	struct span local = {s.at, at != NULL ? (size_t)(at - s.at) : 0};

	if (fault != NULL)
		return fault;
	if (at == NULL)
		return "has no @: expected an address such as name@example.com";
	fault = local_fault(local);
	if (fault == NULL) {
		buf_add(out, s.at, local.len + 1);
		fault = read_domain((struct span){at + 1, s.len - local.len - 1}, out);
	}
	return fault == NULL && out->len > MAILBOX_MAX ? "is longer than 254 bytes" : fault;
}

const char *mail_mailbox_fault(const char *mailbox, size_t len)
{
	struct buf out = {0};
	const char *fault = read_mailbox((struct span){mailbox, len}, &out);

	if (fault == NULL && !buf_ok(&out))
		fault = "out of memory";
	buf_free(&out);
	return fault;
}

bool mail_address_is_ascii(const struct mail_address *a)
{
	return is_ascii((struct span){a->mailbox, strlen(a->mailbox)});
}

/* ---- a name and a mailbox ---- */

/* The index of the first `c` of s outside quotes; s.len: there is none. *open: the text ends
 * inside quotes. */
static size_t find_unquoted(struct span s, char c, bool *open)
{
	*open = false;
	for (size_t i = 0; i < s.len; i++) {
		if (!*open && s.at[i] == c)
			return i;
		if (s.at[i] == '"')
			*open = !*open;
		else if (*open && s.at[i] == '\\')
			i++;
	}
	return s.len;
}

static void add_character(struct buf *out, struct span s, size_t *i)
{
	size_t n = utf8_sequence((const unsigned char *)s.at + *i, s.len - *i);

	if (n > 0)
		buf_add(out, s.at + *i, n);
	else
		buf_add_text(out, UTF8_REPLACEMENT);
	*i += n > 0 ? n : 1;
}

/* Appends the decoded name. Returns NULL, or what is wrong with it. */
static const char *read_name(struct span s, struct buf *out)
{
	bool quoted = s.len > 0 && s.at[0] == '"';

	if (quoted) {
		if (quoted_length(s) != s.len)
			return "has text between its quoted name and its <";
		s = (struct span){s.at + 1, s.len - 2};
	}
	for (size_t i = 0; i < s.len;) {
		if (quoted && s.at[i] == '\\')
			i++;
		else if (!quoted && strchr("()<>[]:;@\\,\"", s.at[i]) != NULL)
			return "has a name that needs double quotes around it";
		add_character(out, s, &i);
	}
	return NULL;
}

/* Reads one address, not blank: `mailbox`, or `name <mailbox>`. Returns NULL, or what is
 * wrong with it. */
static const char *read_address(struct span s, struct buf *name, struct buf *mailbox)
{
	bool open;
	size_t angle = find_unquoted(s, '<', &open);
	struct span inner;

	if (open)
		return "has a double quote without the closing one";
	if (angle == s.len)
		return read_mailbox(s, mailbox);
	if (s.at[s.len - 1] != '>')
		return "has no > at its end";
	inner = trim((struct span){s.at + angle + 1, s.len - angle - 2});
	if (inner.len == 0)
		return "has nothing between < and >";
	const char *fault = read_name(trim((struct span){s.at, angle}), name);
	return fault != NULL ? fault : read_mailbox(inner, mailbox);
}

/* Takes the texts. */
static bool append_address(struct mail_addresses *to, struct buf *mailbox, struct buf *name)
{
	bool named = trim((struct span){name->data, name->len}).len > 0 || !buf_ok(name);
	struct mail_address *list, a = {0};

	list = reallocarray(to->list, to->count + 1, sizeof(*list));
	if (list != NULL)
		to->list = list;
	a.mailbox = buf_take(mailbox);
	a.name = named ? buf_take(name) : NULL;
	buf_free(name);
	if (list == NULL || a.mailbox == NULL || (named && a.name == NULL)) {
		free(a.mailbox);
		free(a.name);
		return false;
	}
	list[to->count++] = a;
	return true;
}

static bool add_one(struct mail_addresses *to, struct span s, char why[MAIL_WHY])
{
	struct buf name = {0}, mailbox = {0};
	const char *fault = read_address(s, &name, &mailbox);

	if (fault == NULL && to->count >= MAIL_ADDRESSES)
		fault = "is one address too many";
	if (fault != NULL) {
		buf_free(&name);
		buf_free(&mailbox);
		return refuse_address(s, fault, why);
	}
	return append_address(to, &mailbox, &name) || no_memory(why);
}

/* ---- lists ---- */

static void truncate_addresses(struct mail_addresses *a, size_t count)
{
	while (a->count > count) {
		a->count--;
		free(a->list[a->count].name);
		free(a->list[a->count].mailbox);
	}
}

bool mail_addresses_add(struct mail_addresses *to, const char *text, size_t len, char why[MAIL_WHY])
{
	struct span rest = {text, len};
	size_t before = to->count;

	if (mail_has_control(text, len))
		return refuse_address(rest, "has a control character", why);
	while (rest.len > 0) {
		bool open;
		size_t comma = find_unquoted(rest, ',', &open);
		struct span one = trim((struct span){rest.at, comma});

		if (one.len > 0 && !add_one(to, one, why)) {
			truncate_addresses(to, before);
			return false;
		}
		rest.at += comma < rest.len ? comma + 1 : comma;
		rest.len -= comma < rest.len ? comma + 1 : comma;
	}
	return true;
}

void mail_addresses_free(struct mail_addresses *a)
{
	truncate_addresses(a, 0);
	free(a->list);
	*a = (struct mail_addresses){0};
}
