#include "mail/mail.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Splits off what precedes the first NUL of the input. */
static size_t field(const char **at, const char *end, const char **text)
{
	const char *nul = memchr(*at, '\0', (size_t)(end - *at));
	const char *stop = nul != NULL ? nul : end;

	*text = *at;
	*at = nul != NULL ? nul + 1 : end;
	return (size_t)(stop - *text);
}

/* No bare CR or LF, only printable ASCII except in addresses, no line over 998 bytes, and none that
 * ends a message or starts one. */
static void check(const struct buf *message, bool ascii)
{
	const char *p = message->data, *end = p + message->len;

	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));

		if (cr == NULL || cr + 1 == end || cr[1] != '\n' || cr - p > 998)
			abort();
		if ((cr - p == 1 && p[0] == '.') || (cr - p >= 5 && memcmp(p, "From ", 5) == 0))
			abort();
		for (; p < cr; p++)
			if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f ||
				(ascii && (unsigned char)*p > '~'))
				abort();
		p = cr + 2;
	}
}

static bool all_ascii(const struct mail_addresses *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (!mail_address_is_ascii(&a->list[i]))
			return false;
	return true;
}

/* An address that was accepted is also accepted alone. */
static void check_again(const struct mail_address *a)
{
	struct mail_addresses one = {0};
	char why[MAIL_WHY];

	if (!mail_addresses_add(&one, a->mailbox, strlen(a->mailbox), why) || one.count != 1 ||
		strcmp(one.list[0].mailbox, a->mailbox) != 0)
		abort();
	mail_addresses_free(&one);
}

/* Addresses, subject, text, HTML and a file, separated by NULs. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size, *addresses;
	struct mail_part file = {.type = "application/json", .name = "event-1.json"};
	struct mail m = {.message_key = "1/x", .attachment = &file};
	struct buf out = {0};
	char why[MAIL_WHY];

	if (size == 0)
		return 0;
	size_t len = field(&at, end, &addresses);
	if (!mail_addresses_add(&m.to, addresses, len, why)) {
		if (strlen(why) == 0 || m.to.count != 0)
			abort();
		goto out;
	}
	for (size_t i = 0; i < m.to.count; i++)
		check_again(&m.to.list[i]);
	m.from = m.to.count > 0 ? m.to.list[0] : (struct mail_address){NULL, (char[]){"a@b.c"}};
	m.subject_len = field(&at, end, &m.subject);
	m.text_len = field(&at, end, &m.text);
	m.html_len = field(&at, end, &m.html);
	file.bytes = at;
	file.len = (size_t)(end - at);
	if (m.html_len == 0)
		m.html = NULL;
	if (file.len == 0)
		m.attachment = NULL;
	if (mail_write(&m, &out, why))
		check(&out, all_ascii(&m.to));
	else if (out.len != 0 || strlen(why) == 0)
		abort();
out:
	mail_addresses_free(&m.to);
	buf_free(&out);
	return 0;
}
