#include "diagnose.h"

#include "base/secret.h"
#include "changes.h"

#include <ctype.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Above it only single changes are tried: pairs are over 300 HMACs. */
#define PAIRS_BODY_MAX ((size_t)4 * 1024 * 1024)

static bool is_mac(const char *hex, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)hex[i]) && (hex[i] < 'a' || hex[i] > 'f'))
			return false;
	return len == 64;
}

void diagnose_header(const char *header, size_t len, struct diagnose_header *out)
{
	const char *p = header, *end = header + len;

	*out = (struct diagnose_header){0};
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end,
			   *next = comma != NULL ? comma + 1 : end;

		if (p < stop && (isspace((unsigned char)*p) || isspace((unsigned char)stop[-1])))
			out->spaces = true;
		if (stop - p >= 2 && p[0] == 't' && p[1] == '=' && out->t == NULL) {
			out->t = p + 2;
			out->t_len = (size_t)(stop - out->t);
			out->t_number = out->t_len > 0;
			for (size_t i = 0; i < out->t_len; i++)
				if (!isdigit((unsigned char)out->t[i]))
					out->t_number = false;
		} else if (stop - p >= 2 && p[0] == 's' && p[1] == '=') {
			out->signatures++;
			if (!is_mac(p + 2, (size_t)(stop - p) - 2))
				out->unreadable++;
		}
		p = next;
	}
}

static bool bare_matches(const struct verify_request *r)
{
	const char *p = r->header, *end = p + r->header_len;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	bool found = false;

	crypto_auth_hmacsha256_init(&state, secret_bytes(r->secrets[0]), secret_len(r->secrets[0]));
	crypto_auth_hmacsha256_update(&state, r->body, r->body_len);
	crypto_auth_hmacsha256_final(&state, mac);
	while (p < end && !found) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;
		unsigned char theirs[sizeof(mac)];
		size_t got = 0;

		if (stop - p == 66 && p[0] == 's' && p[1] == '=' &&
			sodium_hex2bin(theirs, sizeof(theirs), p + 2, 64, NULL, &got, NULL) == 0)
			found = got == sizeof(mac) && sodium_memcmp(mac, theirs, sizeof(mac)) == 0;
		p = comma != NULL ? comma + 1 : end;
	}
	sodium_memzero(mac, sizeof(mac));
	sodium_memzero(&state, sizeof(state));
	return found;
}

/* The three sides of a request, each as it is or with one change. */
struct trial {
	size_t body, secret, header;
	size_t which; /* index of the secret */
};

/* All changed bodies, secrets and headers, made once; those that cannot be are NULL. */
struct material {
	struct buf bodies[DIAGNOSE_BODIES];
	bool body_there[DIAGNOSE_BODIES];
	struct buf headers[DIAGNOSE_HEADERS];
	bool header_there[DIAGNOSE_HEADERS];
	struct secret *secrets[DIAGNOSE_SECRETS]; /* of the secret that is tried now */
};

static void prepare(struct material *m, const struct verify_request *r)
{
	for (size_t i = 0; i < DIAGNOSE_BODIES; i++)
		m->body_there[i] =
			diagnose_bodies[i].change == NULL
				? (buf_add(&m->bodies[i], r->body, r->body_len),
					  buf_ok(&m->bodies[i]))
				: diagnose_bodies[i].change(r->body, r->body_len, &m->bodies[i]);
	for (size_t i = 0; i < DIAGNOSE_HEADERS; i++)
		m->header_there[i] = diagnose_headers[i].change == NULL
					     ? (buf_add(&m->headers[i], r->header, r->header_len),
						       buf_ok(&m->headers[i]))
					     : diagnose_headers[i].change(
						       r->header, r->header_len, &m->headers[i]);
}

static void drop_secrets(struct material *m)
{
	for (size_t i = 0; i < DIAGNOSE_SECRETS; i++) {
		secret_free(m->secrets[i]);
		m->secrets[i] = NULL;
	}
}

static void prepare_secrets(struct material *m, const struct secret *s)
{
	unsigned char *room = sodium_malloc(SECRET_MAX + 8);

	drop_secrets(m);
	for (size_t i = 0; i < DIAGNOSE_SECRETS && room != NULL && secret_len(s) <= SECRET_MAX;
		i++) {
		const unsigned char *bytes = secret_bytes(s);
		size_t len = secret_len(s);

		if (diagnose_secrets[i].change != NULL) {
			len = diagnose_secrets[i].change(bytes, len, room);
			bytes = room;
		}
		if (len > 0)
			m->secrets[i] = secret_new(bytes, len);
	}
	sodium_free(room);
}

static bool matches(
	const struct verify_scheme *scheme, const struct material *m, const struct trial *t)
{
	struct secret *const one[1] = {m->secrets[t->secret]};
	struct verify_detail detail;
	struct verify_request r = {
		.header = m->headers[t->header].data,
		.header_len = m->headers[t->header].len,
		.body = m->bodies[t->body].data,
		.body_len = m->bodies[t->body].len,
		.secrets = one,
		.secret_count = 1,
	};

	if (!m->body_there[t->body] || !m->header_there[t->header] || one[0] == NULL)
		return false;
	if (diagnose_headers[t->header].bare)
		return bare_matches(&r);
	return verify_signature(scheme, &r, &detail) == VERIFY_OK;
}

/* Trials with exactly that many changes: first what is one step away. */
static bool search(const struct verify_scheme *scheme, const struct material *m, unsigned changes,
	struct trial *t)
{
	for (t->header = 0; t->header < DIAGNOSE_HEADERS; t->header++)
		for (t->secret = 0; t->secret < DIAGNOSE_SECRETS; t->secret++)
			for (t->body = 0; t->body < DIAGNOSE_BODIES; t->body++)
				if ((t->header != 0) + (t->secret != 0) + (t->body != 0) ==
						(int)changes &&
					matches(scheme, m, t))
					return true;
	return false;
}

static void tell_change(
	struct buf *out, bool *first, const char *says, const char *cause, struct buf *causes)
{
	if (says == NULL)
		return;
	buf_printf(out, "%s%s", *first ? "it matches if " : " and ", says);
	buf_printf(causes, "%s%s", *first ? "" : "; ", cause);
	*first = false;
}

static void tell(const struct verify_request *r, const struct trial *t, struct buf *out)
{
	struct buf causes = {0};
	bool first = true;

	tell_change(out, &first, diagnose_bodies[t->body].says, diagnose_bodies[t->body].cause,
		&causes);
	tell_change(out, &first, diagnose_secrets[t->secret].says,
		diagnose_secrets[t->secret].cause, &causes);
	tell_change(out, &first, diagnose_headers[t->header].says,
		diagnose_headers[t->header].cause, &causes);
	if (r->secret_count > 1)
		buf_printf(out, ", with secret %zu", t->which + 1);
	buf_printf(out, ": %s\n", causes.data != NULL ? causes.data : "");
	buf_free(&causes);
}

void diagnose_hint(const struct verify_request *r, struct buf *out)
{
	buf_add_text(out, "neither a changed body nor a badly copied secret explains it; "
			  "most likely the secret is another endpoint's\n");
	for (size_t i = 0; i < r->secret_count; i++) {
		bool sandbox = secret_starts_with(r->secrets[i], "wh_sandbox_");
		bool live = secret_starts_with(r->secrets[i], "wh_live_");

		buf_add_text(out, "the secret");
		if (r->secret_count > 1)
			buf_printf(out, " %zu", i + 1);
		if (sandbox || live)
			buf_printf(out,
				" begins with %s: an event from FedaPay's %s mode is signed with "
				"another, %s…, secret\n",
				sandbox ? "wh_sandbox_" : "wh_live_", sandbox ? "live" : "sandbox",
				sandbox ? "wh_live_" : "wh_sandbox_");
		else
			buf_add_text(out, " begins with neither wh_sandbox_ nor wh_live_, as an "
					  "endpoint's secret in FedaPay's dashboard does\n");
	}
}

bool diagnose_mismatch(
	const struct verify_scheme *scheme, const struct verify_request *request, struct buf *out)
{
	struct material *m = NULL;
	struct trial t = {0};
	bool found = false;
	unsigned most;

	if (request->header != NULL)
		m = calloc(1, sizeof(*m));
	if (m == NULL)
		return false;
	prepare(m, request);
	most = request->body_len > PAIRS_BODY_MAX ? 1 : 2;
	for (unsigned changes = 1; changes <= most && !found; changes++) {
		for (t.which = 0; t.which < request->secret_count && !found;) {
			prepare_secrets(m, request->secrets[t.which]);
			found = search(scheme, m, changes, &t);
			if (!found)
				t.which++;
		}
	}
	if (found)
		tell(request, &t, out);
	for (size_t i = 0; i < DIAGNOSE_BODIES; i++)
		buf_free(&m->bodies[i]);
	for (size_t i = 0; i < DIAGNOSE_HEADERS; i++)
		buf_free(&m->headers[i]);
	drop_secrets(m);
	free(m);
	return found;
}
