/* hookctl/diagnose/diagnose.c - undoes each accident in a copy of the request and verifies it. */
#include "diagnose.h"

#include "base/json.h"
#include "base/secret.h"
#include "header.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request with one secret, and what a change replaces in it. */
struct trial {
	const struct sender *sender;
	const char *header;
	size_t header_len;
	const char *body;
	size_t body_len;
	struct secret *secret;
	struct buf changed;      /* the header or the body, if it differs from the request's */
	struct secret *stripped; /* the secret, if it differs from the request's */
};

static const char *header_of(void *trial, const char *name, size_t *len)
{
	const struct trial *t = trial;

	(void)name;
	*len = t->header_len;
	return t->header;
}

static bool matches(struct trial *t)
{
	struct verify_request request = {
		.header = header_of,
		.context = t,
		.body = t->body,
		.body_len = t->body_len,
		.secrets = &t->secret,
		.secret_count = 1,
	};
	struct verify_detail detail;

	return verify_signature(&t->sender->proof, &request, &detail) == VERIFY_OK;
}

static bool body_matches(struct trial *t)
{
	t->body = t->changed.data != NULL ? t->changed.data : "";
	t->body_len = t->changed.len;
	return buf_ok(&t->changed) && matches(t);
}

static bool header_matches(struct trial *t)
{
	t->header = t->changed.data != NULL ? t->changed.data : "";
	t->header_len = t->changed.len;
	return buf_ok(&t->changed) && matches(t);
}

/* ---- the accidents ---- */

static bool without_space(struct trial *t)
{
	const char *from = t->body, *to = t->body + t->body_len;

	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	buf_add(&t->changed, from, (size_t)(to - from));
	return body_matches(t);
}

static bool with_line_end(struct trial *t)
{
	buf_add(&t->changed, t->body, t->body_len);
	buf_add_char(&t->changed, '\n');
	return body_matches(t);
}

static bool rewritten(struct trial *t)
{
	json_t *json;
	bool found = false;

	if (!json_read(t->body, t->body_len, NULL, &json, NULL) || json == NULL)
		return false;
	for (const size_t *flags = t->sender->rewritings; *flags != 0 && !found; flags++)
		for (int html = 0; html <= (int)t->sender->escapes_html && !found; html++) {
			buf_clear(&t->changed);
			found = sender_write(json, *flags | JSON_REAL_PRECISION(15), html > 0,
					&t->changed) &&
				body_matches(t);
		}
	json_decref(json);
	return found;
}

static bool is_copied_along(unsigned char c)
{
	return c != '\0' && (isspace(c) || strchr("\"'`<>", c) != NULL);
}

static bool without_quotes(struct trial *t)
{
	const unsigned char *bytes = secret_bytes(t->secret);
	size_t from = 0, to = secret_len(t->secret);

	while (from < to && is_copied_along(bytes[from]))
		from++;
	while (to > from && is_copied_along(bytes[to - 1]))
		to--;
	if (to == from || to - from == secret_len(t->secret))
		return false;
	t->stripped = secret_new(bytes + from, to - from);
	t->secret = t->stripped;
	return t->secret != NULL && matches(t);
}

/* Is this text, behind whatever tag, somewhere in the header? In any letter case. */
static bool has_header(const struct trial *t, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= t->header_len; i++)
		if (strncasecmp(t->header + i, text, len) == 0)
			return true;
	return false;
}

/* Does the header have the HMAC of the time, if it is given, and the body, in hex or base64? */
static bool has_mac_of(const struct trial *t, const char *time, size_t time_len)
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char hex[2 * sizeof(mac) + 1];
	char base64[sodium_base64_ENCODED_LEN(sizeof(mac), sodium_base64_VARIANT_ORIGINAL)];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, secret_bytes(t->secret), secret_len(t->secret));
	if (time != NULL)
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)time, time_len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)t->body, t->body_len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	sodium_bin2base64(base64, sizeof(base64), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
	bool found = has_header(t, hex) || has_header(t, base64);
	sodium_memzero(hex, sizeof(hex));
	sodium_memzero(base64, sizeof(base64));
	sodium_memzero(mac, sizeof(mac));
	sodium_memzero(&state, sizeof(state));
	return found;
}

static bool over_body_alone(struct trial *t)
{
	return has_mac_of(t, NULL, 0);
}

static bool without_separator(struct trial *t)
{
	struct diagnose_header h;

	diagnose_header(&t->sender->proof, t->header, t->header_len, &h);
	return h.t != NULL && has_mac_of(t, h.t, h.t_len);
}

/* Every part but the time with the sender's tag instead of its own, such as v1= or sha256=, or
 * without one. */
static bool with_other_tag(struct trial *t)
{
	const struct verify_scheme *scheme = &t->sender->proof;
	const char *p = t->header, *end = t->header + t->header_len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;
		const char *equals = memchr(p, '=', (size_t)(stop - p));
		size_t n = strlen(scheme->time_tag);

		if (t->changed.len > 0)
			buf_add_char(&t->changed, ',');
		if ((size_t)(stop - p) >= n && memcmp(p, scheme->time_tag, n) == 0) {
			buf_add(&t->changed, p, (size_t)(stop - p));
		} else {
			p = equals != NULL ? equals + 1 : p;
			buf_add_text(&t->changed, scheme->signature_tag);
			for (; p < stop; p++)
				buf_add_char(&t->changed, (char)tolower((unsigned char)*p));
		}
		p = comma != NULL ? comma + 1 : end;
	}
	return header_matches(t);
}

static bool in_seconds(struct trial *t)
{
	const char *end = t->header + t->header_len;
	struct diagnose_header h;

	diagnose_header(&t->sender->proof, t->header, t->header_len, &h);
	if (!h.t_number || h.t_len <= 3)
		return false;
	buf_add(&t->changed, t->header, (size_t)(h.t + h.t_len - 3 - t->header));
	buf_add(&t->changed, h.t + h.t_len, (size_t)(end - h.t) - h.t_len);
	return header_matches(t);
}

static bool without_spaces(struct trial *t)
{
	for (size_t i = 0; i < t->header_len; i++)
		if (!is_copied_along((unsigned char)t->header[i]))
			buf_add_char(&t->changed, t->header[i]);
	return header_matches(t);
}

/* In the order in which they are worth trying. */
static const struct accident {
	bool (*undone_matches)(struct trial *t);
	const char *change, *cause; /* "it matches if CHANGE: CAUSE" */
} accidents[] = {
	{without_space, "line ends and other white space at the ends of the body are removed",
		"something on the way added them, as echo and editors do"},
	{with_line_end, "a line end is added to the body",
		"something on the way removed it, as $(...) does in a shell"},
	{rewritten, "the body is JSON as the sender writes it",
		"something on the way parsed the JSON and wrote it again: keep the raw body"},
	{without_quotes, "white space and quotes at the ends of the secret are removed",
		"they were copied along"},
	{over_body_alone, "the signature is over the body alone",
		"the request was not signed as the sender signs, over the time and the body"},
	{without_separator, "the signature is over time and body without the dot between them",
		"the request was not signed as the sender signs: TIME.BODY"},
	{in_seconds, "the time in the header is divided by 1000",
		"it is in milliseconds, but the signature is over seconds"},
	{without_spaces, "white space and quotes are removed from the header",
		"they were copied along"},
	{with_other_tag, "the signature in the header is tagged as the sender's, in lower case",
		"it has another tag, such as v1= or sha256=, which are other senders'"},
};

#define ACCIDENTS (sizeof(accidents) / sizeof(accidents[0]))

static bool explains(const struct accident *accident, const struct trial *as_sent)
{
	struct trial t = *as_sent;
	bool matches = accident->undone_matches(&t);

	buf_free(&t.changed);
	secret_free(t.stripped);
	return matches;
}

bool diagnose_mismatch(
	const struct sender *sender, const struct verify_request *request, struct buf *out)
{
	struct trial t = {
		.sender = sender,
		.body = request->body != NULL ? request->body : "",
		.body_len = request->body_len,
	};

	t.header = request->header(request->context, sender->proof.headers[0], &t.header_len);
	if (t.header == NULL)
		return false;
	for (size_t i = 0; i < ACCIDENTS; i++) {
		for (size_t k = 0; k < request->secret_count; k++) {
			t.secret = request->secrets[k];
			if (!explains(&accidents[i], &t))
				continue;
			buf_printf(out, "it matches if %s", accidents[i].change);
			if (request->secret_count > 1)
				buf_printf(out, ", with secret %zu", k + 1);
			buf_printf(out, ": %s\n", accidents[i].cause);
			return true;
		}
	}
	return false;
}

static void hint_at_mode(
	const struct sender *sender, const struct sender_mode *mode, struct buf *out)
{
	buf_printf(out, " begins with %s:", mode->prefix);
	for (const struct sender_mode *m = sender->modes; m->prefix != NULL; m++)
		if (m != mode)
			buf_printf(out,
				" an event from %s's %s mode is signed with another, %s…, secret",
				sender->title, m->name, m->prefix);
	buf_add_char(out, '\n');
}

static void hint_at_prefix(const struct sender *sender, struct buf *out)
{
	buf_add_text(out, " begins with neither");
	for (const struct sender_mode *m = sender->modes; m->prefix != NULL; m++)
		buf_printf(out, " %s%s", m == sender->modes ? "" : "nor ", m->prefix);
	buf_printf(out, ", as the secret of an endpoint at %s does\n", sender->title);
}

void diagnose_hint(
	const struct sender *sender, const struct verify_request *request, struct buf *out)
{
	buf_add_text(out, "no usual change of the body, the secret or the header explains it: most "
			  "likely the secret is another endpoint's\n");
	for (size_t i = 0; i < request->secret_count; i++) {
		const struct sender_mode *mode = sender_mode_of(request->secrets[i]);

		buf_add_text(out, "the secret");
		if (request->secret_count > 1)
			buf_printf(out, " %zu", i + 1);
		if (mode != NULL)
			hint_at_mode(sender, mode, out);
		else if (secret_starts_with(request->secrets[i], sender->api_key))
			buf_printf(out,
				" begins with %s: it is an API key, and an endpoint has a secret "
				"of its own\n",
				sender->api_key);
		else
			hint_at_prefix(sender, out);
	}
}
