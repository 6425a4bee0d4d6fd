/* Request smuggling needs two programs that read the same bytes differently. So what is
 * ambiguous is refused, even where libmicrohttpd would accept it: RFC 9112 sections 2.2, 3.2,
 * 5.1, 5.2, 6.1 and 6.3. */
#include "hygiene.h"

#include "base/number.h"
#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* libmicrohttpd before 0.9.77 accepts bare LF, folded lines and NULs silently, but it parses
 * in place: each line end has become NUL, NUL (a bare LF: one NUL), each colon a NUL, and a
 * folded header's name has moved elsewhere. So a head is sound if its parts, in order, fill
 * the block from the method to its end without a gap. Two cases cannot be detected: a NUL
 * directly before a bare LF, and a line that is only a colon and ends in one. Both look like
 * CR LF after parsing. nginx, Apache, HAProxy and Caddy forward neither
 * (tests/fault/proxy.test.mjs). */
#define CHECK_LAYOUT HYGIENE_CHECKS_LAYOUT

bool hygiene_fits_library(void)
{
	const char *version = MHD_get_version();
	unsigned n[3] = {0};

	for (size_t i = 0; i < 3 && *version != '\0'; i++) {
		char *end;

		n[i] = (unsigned)strtoul(version, &end, 10);
		version = *end == '.' ? end + 1 : end;
	}
	bool checks_itself = n[0] > 0 || n[1] > 9 || (n[1] == 9 && n[2] >= 77);
	return checks_itself == !CHECK_LAYOUT;
}

struct walk {
	struct hygiene *h;
	const char *error;
	const char *next; /* where the next header must begin */
	const char *end;  /* of the whole head */
	unsigned hosts, lengths, codings;
	uint32_t singles; /* which of h->single have been seen, a bit each */
};

static bool is_token(const char *s, size_t len)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool alphanumeric =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!alphanumeric && (c == '\0' || strchr(extra, c) == NULL))
			return false;
	}
	return len > 0;
}

static bool is_field_value(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_named(const char *key, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(key, name, len) == 0;
}

/* Two NULs at p, within the head: a line that ended with CR LF. */
static bool is_line_end(const struct walk *w, const char *p)
{
	return w->end - p >= 2 && p[0] == '\0' && p[1] == '\0';
}

static bool is_in_place(
	struct walk *w, const char *key, size_t key_len, const char *value, size_t value_len)
{
	const char *p = key + key_len + 1;

	if (key != w->next || p > w->end || value < p || value > w->end)
		return false;
	for (; p < value; p++)
		if (*p != ' ' && *p != '\t')
			return false;
	if (value_len > (size_t)(w->end - value) || !is_line_end(w, value + value_len))
		return false;
	w->next = value + value_len + 2;
	return true;
}

/* uri-host [":" port] of RFC 3986, by its characters. Which host it names does not matter
 * here, but a Host that another parser would split elsewhere is refused. */
static bool is_host(const char *s, size_t len)
{
	static const char extra[] = "-._~%!$&'()*+;=";
	size_t i = 0;

	if (len > 0 && s[0] == '[') {
		while (i < len && s[i] != ']')
			i++;
		if (i == len || strspn(s + 1, "0123456789abcdefABCDEF:.") != i - 1)
			return false;
		i++;
	} else {
		while (i < len && s[i] != ':' &&
			(is_token(s + i, 1) ? strchr("#^`|", s[i]) == NULL
					    : strchr(extra, s[i]) != NULL))
			i++;
	}
	if (i == 0 || i == len)
		return i > 0;
	if (s[i++] != ':')
		return false;
	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	return i == len;
}

/* At most 18 digits, leading zeros included, which every parser reads alike. */
static bool read_length(const char *s, size_t len, uint64_t *out)
{
	int64_t value;

	if (len > 18 || !number_read(s, len, INT64_MAX, &value))
		return false;
	*out = (uint64_t)value;
	return true;
}

/* If there are two, another reader might use the other one. */
static void check_single(struct walk *w, const char *key, size_t key_len)
{
	const char *const *single = w->h->single;

	for (unsigned i = 0; single != NULL && single[i] != NULL && i < HTTP_SINGLE_MAX; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if (!is_named(key, key_len, single[i]))
			continue;
		if ((w->singles & bit) != 0) {
			(void)snprintf(w->h->duplicate, sizeof(w->h->duplicate), "two %s headers",
				single[i]);
			w->error = w->h->duplicate;
		}
		w->singles |= bit;
	}
}

const char *hygiene_trim(const char *value, size_t *len)
{
	while (*len > 0 && (value[0] == ' ' || value[0] == '\t')) {
		value++;
		--*len;
	}
	while (*len > 0 && (value[*len - 1] == ' ' || value[*len - 1] == '\t'))
		--*len;
	return value;
}

/* `exact` is the value as libmicrohttpd reads it, with what blanks follow it. */
static void check_coding(struct walk *w, const char *exact, size_t len)
{
	w->h->chunked = true;
	if (w->codings++ > 0)
		w->error = "two Transfer-Encoding headers";
	else if (!is_named(exact, len, "chunked"))
		w->error = "Transfer-Encoding other than chunked";
}

static void check_header(
	struct walk *w, const char *key, size_t key_len, const char *value, size_t len)
{
	struct hygiene *h = w->h;

	if (is_named(key, key_len, "Transfer-Encoding")) {
		check_coding(w, value, len);
		return;
	}
	value = hygiene_trim(value, &len);
	if (is_named(key, key_len, "Host")) {
		if (w->hosts++ > 0)
			w->error = "two Host headers";
		else if (!is_host(value, len))
			w->error = "malformed Host header";
	} else if (is_named(key, key_len, "Content-Length")) {
		h->has_length = true;
		if (w->lengths++ > 0)
			w->error = "two Content-Length headers";
		else if (!read_length(value, len, &h->length))
			w->error = "Content-Length is not a number";
	} else if (is_named(key, key_len, "Expect")) {
		h->expects = true;
	} else if (is_named(key, key_len, "X-Forwarded-For")) {
		if (h->forwarded.len > 0)
			buf_add_text(&h->forwarded, ", ");
		buf_add(&h->forwarded, value, len);
	} else {
		check_single(w, key, key_len);
	}
}

static enum MHD_Result visit_header(void *arg, enum MHD_ValueKind kind, const char *key,
	size_t key_len, const char *value, size_t len)
{
	struct walk *w = arg;

	(void)kind;
	if (value == NULL) {
		w->error = "header without a value";
	} else if (CHECK_LAYOUT && !is_in_place(w, key, key_len, value, len)) {
		w->error = "folded header, bare line feed or NUL";
	} else if (!is_token(key, key_len)) {
		w->error = "malformed header name";
	} else if (!is_field_value(value, len)) {
		w->error = "control character in a header";
	} else {
		check_header(w, key, key_len, value, len);
	}
	return w->error == NULL ? MHD_YES : MHD_NO;
}

/* The request line: method SP target SP version CR LF. Sets w->next to what follows. */
static bool request_line_in_place(
	struct walk *w, struct MHD_Connection *mhd, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	if (info == NULL || info->header_size == 0)
		return false;
	w->end = method + info->header_size;
	if (w->h->uri != method + strlen(method) + 1 || version != w->h->uri + w->h->uri_len + 1)
		return false;
	w->next = version + strlen(version);
	if (w->next > w->end || !is_line_end(w, w->next))
		return false;
	w->next += 2;
	return true;
}

const char *hygiene_check_uri(const char *uri, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (uri[i] <= ' ' || uri[i] > '~' || uri[i] == '#')
			return "character in the request target that must be percent-encoded";
		if (len - i >= 3 && memcmp(uri + i, "%00", 3) == 0)
			return "NUL in the request target";
	}
	return len > 0 ? NULL : "no request target";
}

const char *hygiene_path(const char *uri, size_t *len)
{
	size_t scheme = strncasecmp(uri, "http://", 7) == 0    ? 7
			: strncasecmp(uri, "https://", 8) == 0 ? 8
							       : 0;
	size_t host = strcspn(uri + scheme, "/?#");

	if (scheme > 0 && host > 0)
		uri += scheme + host;
	*len = strcspn(uri, "?");
	return uri;
}

const char *hygiene_check(
	struct MHD_Connection *mhd, const char *method, const char *version, struct hygiene *h)
{
	struct walk w = {.h = h};
	bool http10 = strcmp(version, "HTTP/1.0") == 0;

	if (!http10 && strcmp(version, "HTTP/1.1") != 0)
		return "HTTP version other than 1.0 and 1.1";
	if (!is_token(method, strlen(method)))
		return "malformed method";
	if (CHECK_LAYOUT && !request_line_in_place(&w, mhd, method, version))
		return "malformed request line";
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, visit_header, &w);
	if (w.error != NULL)
		return w.error;
	if (CHECK_LAYOUT && (!is_line_end(&w, w.next) || w.next + 2 != w.end))
		return "bare line feed at the end of the headers";
	if (w.hosts == 0 && !http10)
		return "no Host header";
	if (h->chunked && h->has_length)
		return "both Content-Length and Transfer-Encoding";
	if (h->chunked && http10)
		return "Transfer-Encoding in HTTP/1.0";
	if (!buf_ok(&h->forwarded))
		return "headers too large";
	return NULL;
}
