/* hookctl/diagnose/header.c - splits a signature header at its commas. */
#include "header.h"

#include "base/number.h"

#include <ctype.h>
#include <string.h>

static bool is_mac(const char *hex, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)hex[i]) && (hex[i] < 'a' || hex[i] > 'f'))
			return false;
	return len == 64;
}

/* What follows the tag; NULL: the part has another one. */
static const char *after_tag(const char *part, size_t len, const char *tag)
{
	size_t n = strlen(tag);

	return len >= n && memcmp(part, tag, n) == 0 ? part + n : NULL;
}

static void read_part(const struct verify_scheme *scheme, const char *part, size_t len,
	struct diagnose_header *out)
{
	const char *t = after_tag(part, len, scheme->time_tag);
	const char *signature = after_tag(part, len, scheme->signature_tag);

	if (len > 0 && (isspace((unsigned char)part[0]) || isspace((unsigned char)part[len - 1])))
		out->spaces = true;
	if (t != NULL && out->t == NULL) {
		out->t = t;
		out->t_len = (size_t)(part + len - t);
		out->t_number = out->t_len > 0 && number_digits(t, out->t_len) == out->t_len;
	} else if (signature != NULL) {
		out->signatures++;
		if (!is_mac(signature, (size_t)(part + len - signature)))
			out->unreadable++;
	}
}

void diagnose_header(const struct verify_scheme *scheme, const char *header, size_t len,
	struct diagnose_header *out)
{
	const char *p = header, *end = header + len;

	*out = (struct diagnose_header){0};
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;

		read_part(scheme, p, (size_t)(stop - p), out);
		p = comma != NULL ? comma + 1 : end;
	}
}
