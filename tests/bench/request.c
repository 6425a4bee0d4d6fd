#include "request.h"

#include "base/clock.h"
#include "fedapay.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS   16
#define TIME_DIGITS 10
#define MAC_HEX     (2 * crypto_auth_hmacsha256_BYTES)
#define PLACES_MAX  8

/* Stand for what changes; nothing else in a request looks like them. */
#define EVENT_MARK  UINT64_C(7100000000000007)
#define ENTITY_MARK UINT64_C(7200000000000007)

/* Where a number is in each request. */
struct places {
	size_t at[PLACES_MAX];
	size_t count;
};

struct requests {
	enum request_scheme scheme;
	char bytes[REQUEST_MAX];
	size_t size;
	size_t body;
	struct places events;
	struct places entities;
	size_t time; /* 0: none */
	size_t mac;
	uint64_t event;
	uint64_t entity;
	crypto_auth_hmacsha256_state keyed; /* with the secret, nothing else yet */
};

static struct places find_places(const struct requests *r, uint64_t mark)
{
	struct places p = {0};
	char text[ID_DIGITS + 1];

	(void)snprintf(text, sizeof(text), "%" PRIu64, mark);
	for (const char *s = r->bytes + r->body; (s = strstr(s, text)) != NULL; s += ID_DIGITS) {
		assert(p.count < PLACES_MAX);
		p.at[p.count++] = (size_t)(s - r->bytes);
	}
	assert(p.count > 0);
	return p;
}

static size_t write_body(enum request_scheme scheme, char body[FEDAPAY_BODY_MAX])
{
	int64_t now = clock_wall();
	struct fedapay_event ev = {
		.id = scheme == REQUEST_FEDAPAY_FULL ? 0 : EVENT_MARK,
		.kind = FEDAPAY_TRANSACTION,
		.state = "approved",
		.entity_id = ENTITY_MARK,
		.customer_id = 2345980,
		.looks = 4711,
		.amount = 5000,
		.created_at = now - 60000,
		.changed_at = now - 2000,
	};

	return fedapay_write(&ev, body);
}

struct requests *requests_new(
	const char *host, const char *path, enum request_scheme scheme, const char *secret)
{
	struct requests *r = calloc(1, sizeof(*r));
	char body[FEDAPAY_BODY_MAX];
	size_t len = write_body(scheme, body);

	if (r == NULL)
		return NULL;
	int head = snprintf(r->bytes, sizeof(r->bytes),
		"POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n%s%0*d\r\n\r\n",
		path, host, len,
		scheme != REQUEST_PLAIN ? "X-FEDAPAY-SIGNATURE: t=0000000000,s="
					: "X-Signature: sha256=",
		(int)MAC_HEX, 0);
	if (head < 0 || (size_t)head + len >= sizeof(r->bytes)) {
		free(r);
		return NULL;
	}
	memcpy(r->bytes + head, body, len);
	r->scheme = scheme;
	r->body = (size_t)head;
	r->size = r->body + len;
	r->mac = r->body - 4 - MAC_HEX;
	if (scheme != REQUEST_PLAIN)
		r->time = r->mac - 3 - TIME_DIGITS;
	if (scheme != REQUEST_FEDAPAY_FULL)
		r->events = find_places(r, EVENT_MARK);
	r->entities = find_places(r, ENTITY_MARK);
	r->event = (uint64_t)clock_wall() * 1000;
	r->entity = (uint64_t)clock_wall() * 1000;
	crypto_auth_hmacsha256_init(&r->keyed, (const unsigned char *)secret, strlen(secret));
	return r;
}

size_t requests_size(const struct requests *r)
{
	return r->size;
}

void request_begin(const struct requests *r, char buffer[REQUEST_MAX])
{
	memcpy(buffer, r->bytes, r->size);
}

static void put_digits(char *out, size_t digits, uint64_t number)
{
	for (size_t i = digits; i-- > 0; number /= 10)
		out[i] = (char)('0' + number % 10);
}

static void put_id(char *buffer, const struct places *p, uint64_t id)
{
	for (size_t i = 0; i < p->count; i++)
		put_digits(buffer + p->at[i], ID_DIGITS, id);
}

void request_renew(struct requests *r, char buffer[REQUEST_MAX])
{
	crypto_auth_hmacsha256_state state = r->keyed;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char hex[MAC_HEX + 1];

	put_id(buffer, &r->events, r->event++);
	put_id(buffer, &r->entities, r->entity++);
	if (r->scheme != REQUEST_PLAIN) {
		put_digits(buffer + r->time, TIME_DIGITS, (uint64_t)clock_wall() / 1000);
		crypto_auth_hmacsha256_update(
			&state, (const unsigned char *)buffer + r->time, TIME_DIGITS);
		crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	}
	crypto_auth_hmacsha256_update(
		&state, (const unsigned char *)buffer + r->body, r->size - r->body);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	memcpy(buffer + r->mac, hex, MAC_HEX);
}

void requests_free(struct requests *r)
{
	free(r);
}
