/* verify/verify.c - reads the signature header, computes the HMACs, compares, judges the time. */
#include "verify/verify.h"

#include "base/number.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAC_BYTES      crypto_auth_hmacsha256_BYTES
#define MAC_HEX        ((size_t)2 * MAC_BYTES)
#define SECONDS_MAX    INT64_C(999999999999999) /* enough for 30 million years, without overflow */
#define SIGNATURES_MAX 16 /* signatures compared per header; a sender has one or two */

static void compute_mac(const struct verify_scheme *scheme, const struct secret *secret,
	const char *t, size_t t_len, const void *body, size_t len, unsigned char mac[MAC_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, secret_bytes(secret), secret_len(secret));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)t, t_len);
	crypto_auth_hmacsha256_update(
		&state, (const unsigned char *)scheme->separator, strlen(scheme->separator));
	crypto_auth_hmacsha256_update(&state, body, len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
}

/* Lower-case hex only: senders write it that way, and their SDKs compare it as text. */
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

struct proof {
	const char *t;
	size_t t_len;
	int64_t seconds;
	unsigned char macs[SIGNATURES_MAX][MAC_BYTES];
	size_t mac_count;
	size_t signatures; /* parts with the signature's tag, readable or not */
};

static bool has_tag(const char *part, size_t len, const char *tag)
{
	size_t n = strlen(tag);

	return len >= n && memcmp(part, tag, n) == 0;
}

static bool read_part(
	const struct verify_scheme *scheme, struct proof *proof, const char *part, size_t len)
{
	if (has_tag(part, len, scheme->time_tag)) {
		if (proof->t != NULL)
			return false;
		proof->t = part + strlen(scheme->time_tag);
		proof->t_len = (size_t)(part + len - proof->t);
	} else if (has_tag(part, len, scheme->signature_tag)) {
		size_t tag = strlen(scheme->signature_tag);

		proof->signatures++;
		if (proof->mac_count < SIGNATURES_MAX &&
			decode_mac(part + tag, len - tag, proof->macs[proof->mac_count]))
			proof->mac_count++;
	}
	return true;
}

static enum verify_result read_header(
	const struct verify_scheme *scheme, struct proof *proof, const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;

		if (!read_part(scheme, proof, p, (size_t)(stop - p)))
			return VERIFY_MALFORMED;
		p = comma != NULL ? comma + 1 : end;
	}
	if (proof->t == NULL || !number_read(proof->t, proof->t_len, SECONDS_MAX, &proof->seconds))
		return VERIFY_MALFORMED;
	return proof->signatures > 0 ? VERIFY_OK : VERIFY_NO_SCHEME;
}

static bool find_match(const struct verify_scheme *scheme, const struct verify_request *r,
	const struct proof *proof, size_t *which)
{
	bool found = false;

	/* Every secret is tried, so that the time taken does not show which one matched. */
	for (size_t i = 0; i < r->secret_count; i++) {
		unsigned char mac[MAC_BYTES];

		compute_mac(
			scheme, r->secrets[i], proof->t, proof->t_len, r->body, r->body_len, mac);
		for (size_t k = 0; k < proof->mac_count; k++) {
			if (sodium_memcmp(mac, proof->macs[k], MAC_BYTES) == 0 && !found) {
				found = true;
				*which = i;
			}
		}
		sodium_memzero(mac, sizeof(mac));
	}
	return found;
}

/* Some senders' SDKs refuse only what is too old. A time ahead of ours is refused as well: such
 * a request would stay valid for longer than the tolerance. */
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

/* VERIFY_OK: *proof has at least one signature to compare. */
static enum verify_result read_proof(const struct verify_scheme *scheme,
	const struct verify_request *request, struct proof *proof, struct verify_detail *detail)
{
	enum verify_result result;
	size_t len = 0;
	const char *header = request->header(request->context, scheme->headers[0], &len);

	*detail = (struct verify_detail){0};
	if (header == NULL)
		return VERIFY_NO_HEADER;
	result = read_header(scheme, proof, header, len);
	detail->signed_at = proof->seconds;
	if (result == VERIFY_OK && proof->mac_count == 0)
		return VERIFY_NO_MATCH;
	return result;
}

enum verify_result verify_head(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail)
{
	struct proof proof = {0};
	enum verify_result result = read_proof(scheme, request, &proof, detail);

	if (result != VERIFY_OK)
		return result;
	return check_time(request, proof.seconds, &detail->off_by);
}

enum verify_result verify_signature(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail)
{
	struct proof proof = {0};
	enum verify_result result = read_proof(scheme, request, &proof, detail);

	if (result != VERIFY_OK)
		return result;
	if (!find_match(scheme, request, &proof, &detail->secret))
		return VERIFY_NO_MATCH;
	return check_time(request, proof.seconds, &detail->off_by);
}

void verify_sign(const struct verify_scheme *scheme, const struct secret *secret, int64_t seconds,
	const void *body, size_t body_len, char out[VERIFY_HEADER_MAX])
{
	unsigned char mac[MAC_BYTES];
	char hex[MAC_HEX + 1], t[24];
	int t_len = snprintf(t, sizeof(t), "%" PRId64, seconds);

	compute_mac(scheme, secret, t, (size_t)t_len, body, body_len, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	snprintf(out, VERIFY_HEADER_MAX, "%s%s,%s%s", scheme->time_tag, t, scheme->signature_tag,
		hex);
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
