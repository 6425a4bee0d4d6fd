#include "verify/verify.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef enum verify_result verify_check(const struct verify_request *, struct verify_detail *);
typedef void verify_make(const struct secret *, int64_t seconds, const void *body, size_t len,
	char out[VERIFY_HEADER_MAX]);

struct verify_scheme {
	const char *name;
	const char *header;
	verify_check *check;
	verify_make *make;
};

#define MAC_BYTES      crypto_auth_hmacsha256_BYTES
#define MAC_HEX        ((size_t)2 * MAC_BYTES)
#define DIGITS_MAX     15 /* digits in a time: enough for 30 million years, and no overflow */
#define SIGNATURES_MAX 16 /* signatures compared per header; a sender has one or two */

/* HMAC-SHA256 over "<t>.<body>", with t as it stands in the header. */
static void fedapay_mac(const struct secret *secret, const char *t, size_t t_len, const void *body,
	size_t len, unsigned char mac[MAC_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, secret_bytes(secret), secret_len(secret));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)t, t_len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	crypto_auth_hmacsha256_update(&state, body, len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
}

/* Lower-case hex only: it is what the sender writes and its SDKs compare. */
static bool decode_mac(const char *hex, size_t len, unsigned char mac[MAC_BYTES])
{
	if (len != MAC_HEX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned nibble;

		if (hex[i] >= '0' && hex[i] <= '9')
			nibble = (unsigned)(hex[i] - '0');
		else if (hex[i] >= 'a' && hex[i] <= 'f')
			nibble = (unsigned)(hex[i] - 'a') + 10;
		else
			return false;
		mac[i / 2] = (unsigned char)(i % 2 == 0 ? nibble << 4 : mac[i / 2] | nibble);
	}
	return true;
}

static bool decode_seconds(const char *text, size_t len, int64_t *seconds)
{
	int64_t value = 0;

	if (len == 0 || len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*seconds = value;
	return true;
}

struct fedapay_header {
	const char *t;
	size_t t_len;
	int64_t seconds;
	unsigned char macs[SIGNATURES_MAX][MAC_BYTES];
	size_t mac_count;
	size_t signatures; /* s= parts seen, readable or not */
};

/* "t=1719787792,s=<hex>[,s=<hex>][,unknown=…]": the keys t and s, split at
 * commas and at the first equals sign, as FedaPay's SDKs do. */
static enum verify_result fedapay_read(const char *p, size_t len, struct fedapay_header *h)
{
	const char *end = p + len;

	*h = (struct fedapay_header){0};
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;

		if (stop - p >= 2 && p[0] == 't' && p[1] == '=') {
			if (h->t != NULL)
				return VERIFY_MALFORMED;
			h->t = p + 2;
			h->t_len = (size_t)(stop - h->t);
		} else if (stop - p >= 2 && p[0] == 's' && p[1] == '=') {
			h->signatures++;
			if (h->mac_count < SIGNATURES_MAX &&
				decode_mac(p + 2, (size_t)(stop - p) - 2, h->macs[h->mac_count]))
				h->mac_count++;
		}
		p = comma != NULL ? comma + 1 : end;
	}
	if (h->t == NULL || !decode_seconds(h->t, h->t_len, &h->seconds))
		return VERIFY_MALFORMED;
	return h->signatures > 0 ? VERIFY_OK : VERIFY_NO_SCHEME;
}

static bool fedapay_matches(
	const struct verify_request *r, const struct fedapay_header *h, size_t *which)
{
	bool found = false;

	/* Every secret is tried, so the time taken does not tell which one matched. */
	for (size_t i = 0; i < r->secret_count; i++) {
		unsigned char mac[MAC_BYTES];

		fedapay_mac(r->secrets[i], h->t, h->t_len, r->body, r->body_len, mac);
		for (size_t k = 0; k < h->mac_count; k++) {
			if (sodium_memcmp(mac, h->macs[k], MAC_BYTES) == 0 && !found) {
				found = true;
				*which = i;
			}
		}
		sodium_memzero(mac, sizeof(mac));
	}
	return found;
}

/* FedaPay's PHP SDK refuses |now - t| > tolerance, its Node SDK only what is too
 * old; we follow PHP. */
static enum verify_result check_time(
	const struct verify_request *r, int64_t signed_at, int64_t *off_by)
{
	int64_t now = r->now / 1000;

	if (r->tolerance == 0)
		return VERIFY_OK;
	if (now - signed_at > r->tolerance / 1000) {
		*off_by = now - signed_at;
		return VERIFY_TOO_OLD;
	}
	if (signed_at - now > r->tolerance / 1000) {
		*off_by = signed_at - now;
		return VERIFY_TOO_NEW;
	}
	return VERIFY_OK;
}

static enum verify_result fedapay_check(const struct verify_request *r, struct verify_detail *d)
{
	struct fedapay_header h;
	enum verify_result result = fedapay_read(r->header, r->header_len, &h);

	d->signed_at = h.seconds;
	if (result != VERIFY_OK)
		return result;
	if (!fedapay_matches(r, &h, &d->secret))
		return VERIFY_NO_MATCH;
	return check_time(r, h.seconds, &d->off_by);
}

static void fedapay_make(const struct secret *secret, int64_t seconds, const void *body, size_t len,
	char out[VERIFY_HEADER_MAX])
{
	unsigned char mac[MAC_BYTES];
	char hex[MAC_HEX + 1], t[24];
	int t_len = snprintf(t, sizeof(t), "%" PRId64, seconds);

	fedapay_mac(secret, t, (size_t)t_len, body, len, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	snprintf(out, VERIFY_HEADER_MAX, "t=%s,s=%s", t, hex);
}

static const struct verify_scheme schemes[] = {
	{"fedapay", "X-FEDAPAY-SIGNATURE", fedapay_check, fedapay_make},
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const struct verify_scheme *verify_scheme_find(const char *name)
{
	for (size_t i = 0; i < SCHEMES; i++)
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}

const char *verify_scheme_name(size_t i)
{
	return i < SCHEMES ? schemes[i].name : NULL;
}

const char *verify_scheme_header(const struct verify_scheme *scheme)
{
	return scheme->header;
}

enum verify_result verify_signature(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail)
{
	*detail = (struct verify_detail){0};
	if (request->header == NULL)
		return VERIFY_NO_HEADER;
	return scheme->check(request, detail);
}

void verify_sign(const struct verify_scheme *scheme, const struct secret *secret, int64_t seconds,
	const void *body, size_t body_len, char out[VERIFY_HEADER_MAX])
{
	scheme->make(secret, seconds, body, body_len, out);
}

const char *verify_reason(enum verify_result result)
{
	switch (result) {
	case VERIFY_OK:
		return "authentic";
	case VERIFY_NO_HEADER:
		return "no signature header";
	case VERIFY_MALFORMED:
		return "malformed signature header";
	case VERIFY_NO_SCHEME:
		return "no known signature scheme in the header";
	case VERIFY_NO_MATCH:
		return "no signature matches";
	case VERIFY_TOO_OLD:
		return "signature too old";
	case VERIFY_TOO_NEW:
		return "signature too new";
	}
	return "unknown";
}
