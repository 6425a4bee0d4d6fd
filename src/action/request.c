#include "request.h"

#include "cut.h"
#include "event/document.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHSEC "whsec_"

static enum attempt_result no_memory(char why[FORWARD_WHY])
{
	(void)snprintf(why, FORWARD_WHY, "out of memory");
	return ATTEMPT_TEMPFAIL;
}

static enum attempt_result fail_for_good(char why[FORWARD_WHY], const char *format, ...)
	PRINTF(2, 3);

static enum attempt_result fail_for_good(char why[FORWARD_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, FORWARD_WHY, format, args);
	va_end(args);
	return ATTEMPT_PERMFAIL;
}

static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return true;
	return false;
}

/* Appends the template's text, which must have no control characters; messages call it
 * `what`. */
static enum attempt_result render_template(const struct template *t, const char *what,
	const json_t *document, struct buf *out, char why[FORWARD_WHY])
{
	char fault[TEMPLATE_WHY];

	switch (template_render(t, document, TEMPLATE_REFUSE, out, fault)) {
	case TEMPLATE_OK:
		break;
	case TEMPLATE_FAULT:
		return fail_for_good(why, "%.100s: %s", what, fault);
	case TEMPLATE_NO_MEMORY:
		return no_memory(why);
	}
	if (out->len > 0 && has_control(out->data, out->len))
		return fail_for_good(why,
			"%.100s: has a control character from the event, such as a line break",
			what);
	return ATTEMPT_OK;
}

/* Is the URL, with the event's values in it, still an HTTP URL? NULL: yes. */
static const char *url_fault(const char *url)
{
	const char *fault = NULL, *host = strstr(url, "://");
	char *scheme = NULL;
	CURLU *parts = curl_url();

	for (const char *c = url; *c != '\0'; c++)
		if (*c == ' ')
			fault = "contains a space (the filter url encodes it)";
	if (parts == NULL)
		return "out of memory";
	/* libcurl would take the path for it */
	if (fault == NULL && (host == NULL || host[3] == '\0' || strchr("/?#:", host[3]) != NULL))
		fault = "has no host";
	if (fault == NULL &&
		curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK)
		fault = "is not a URL";
	else if (fault == NULL && curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		 strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
		fault = "is neither http nor https";
	curl_free(scheme);
	curl_url_cleanup(parts);
	return fault;
}

/* Replaces the URL, which is right, by the one to show. */
static enum attempt_result show_url(struct forward_request *r, const struct conf_forward *f,
	const json_t *document, char why[FORWARD_WHY])
{
	struct buf url = {0};
	enum attempt_result result =
		render_template(template_shown(f->url), "forward.url", document, &url, why);

	if (result != ATTEMPT_OK) {
		buf_free(&url);
		return result;
	}
	free(r->url);
	r->url = buf_take(&url);
	return r->url != NULL ? ATTEMPT_OK : no_memory(why);
}

static enum attempt_result make_url(struct forward_request *r, const struct conf_forward *f,
	const json_t *document, char why[FORWARD_WHY])
{
	struct buf url = {0};
	enum attempt_result result = render_template(f->url, "forward.url", document, &url, why);
	const char *fault;

	if (result != ATTEMPT_OK) {
		buf_free(&url);
		return result;
	}
	r->url = buf_take(&url);
	if (r->url == NULL)
		return no_memory(why);
	fault = url_fault(r->url);
	return fault != NULL ? fail_for_good(why, "forward.url: %s", fault) : ATTEMPT_OK;
}

/* Takes the line's text. */
static bool add_line(struct forward_request *r, struct buf *line)
{
	char *text = buf_take(line);

	if (text == NULL || r->count == r->room) {
		free(text);
		return false;
	}
	r->headers[r->count++] = text;
	return true;
}

static bool add_header(struct forward_request *r, const char *format, ...) PRINTF(2, 3);

static bool add_header(struct forward_request *r, const char *format, ...)
{
	struct buf line = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&line, format, args);
	va_end(args);
	return add_line(r, &line);
}

static enum attempt_result add_config_headers(struct forward_request *r,
	const struct conf_forward *f, const json_t *document, bool shown, char why[FORWARD_WHY],
	bool *has_type)
{
	for (size_t i = 0; i < f->header_count; i++) {
		const struct conf_pair *pair = &f->headers[i];
		struct buf line = {0};
		char what[96];
		enum attempt_result result;
		size_t value;

		(void)snprintf(what, sizeof(what), "forward.headers.%.70s", pair->name);
		buf_printf(&line, "%s: ", pair->name);
		value = line.len;
		result = render_template(shown ? template_shown(pair->value) : pair->value, what,
			document, &line, why);
		/* blanks at its end are no part of a value */
		while (line.len > value && line.data[line.len - 1] == ' ')
			line.data[--line.len] = '\0';
		/* for libcurl, "Name:" removes a header, and "Name;" is an empty one */
		if (result == ATTEMPT_OK && line.len == value) {
			buf_clear(&line);
			buf_printf(&line, "%s;", pair->name);
		}
		if (result == ATTEMPT_OK && !add_line(r, &line))
			result = no_memory(why);
		buf_free(&line);
		if (result != ATTEMPT_OK)
			return result;
		*has_type = *has_type || strcasecmp(pair->name, "Content-Type") == 0;
	}
	return ATTEMPT_OK;
}

/* The key: what follows whsec_, decoded from base64, or otherwise the text itself. */
static bool hmac_key(const struct secret *secret, unsigned char *key, size_t *len)
{
	const char *text = (const char *)secret_bytes(secret);
	size_t prefix = strlen(WHSEC);

	if (secret_starts_with(secret, WHSEC) &&
		sodium_base642bin(key, SECRET_MAX, text + prefix, secret_len(secret) - prefix, NULL,
			len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
		*len > 0)
		return true;
	memcpy(key, text, secret_len(secret));
	*len = secret_len(secret);
	return true;
}

#define SIGNATURE                                                                                  \
	sodium_base64_ENCODED_LEN(crypto_auth_hmacsha256_BYTES, sodium_base64_VARIANT_ORIGINAL)

static bool add_signature(struct forward_request *r, const struct secret *secret,
	const struct delivery_job *job, int64_t now)
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	char before[32], text[SIGNATURE];
	unsigned char *key = sodium_malloc(SECRET_MAX);
	size_t len = 0, body_len;
	const void *body = forward_request_body(r, job, &body_len);
	bool good;

	if (key == NULL)
		return false;
	good = hmac_key(secret, key, &len);
	crypto_auth_hmacsha256_init(&state, key, len);
	sodium_free(key);
	(void)snprintf(before, sizeof(before), ".%" PRId64 ".", now);
	crypto_auth_hmacsha256_update(
		&state, (const unsigned char *)job->idempotency_key, strlen(job->idempotency_key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)before, strlen(before));
	crypto_auth_hmacsha256_update(&state, body, body_len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_memzero(&state, sizeof(state));
	sodium_bin2base64(text, sizeof(text), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
	return good && add_header(r, "webhook-signature: v1,%s", text);
}

/* Never sends what is to be left out. */
static enum attempt_result make_body(struct forward_request *r, const struct conf_forward *f,
	const struct delivery_job *job, char why[FORWARD_WHY])
{
	if (f->drop_count == 0)
		return ATTEMPT_OK;
	switch (cut_paths(&r->body, job->payload, job->payload_len, f->drop, f->drop_count)) {
	case CUT_OK:
		break;
	case CUT_INSIDE_TEXT:
		return fail_for_good(
			why, "forward.drop: leads into a text, which is not taken apart");
	case CUT_UNREADABLE:
		return fail_for_good(why, "forward.drop: the event is not JSON");
	}
	return buf_ok(&r->body) ? ATTEMPT_OK : no_memory(why);
}

const void *forward_request_body(
	const struct forward_request *r, const struct delivery_job *job, size_t *len)
{
	bool cut = r->body.data != NULL;

	*len = cut ? r->body.len : job->payload_len;
	return cut ? r->body.data : job->payload;
}

static bool add_bearer(struct forward_request *r, const struct secret *bearer)
{
	struct buf line = {0};
	size_t len = strlen("Authorization: Bearer ") + secret_len(bearer);
	char *text = malloc(len + 1);

	if (text == NULL || r->count == r->room) {
		free(text);
		return false;
	}
	(void)snprintf(text, len + 1, "Authorization: Bearer %.*s", (int)secret_len(bearer),
		(const char *)secret_bytes(bearer));
	r->headers[r->count++] = text;
	buf_free(&line);
	return true;
}

static bool add_hookd_headers(struct forward_request *r, const struct conf_forward *f,
	const struct delivery_job *job, int64_t now, bool shown, bool has_type)
{
	if (!has_type && !add_header(r, "Content-Type: application/json"))
		return false;
	if (!add_header(r, "webhook-id: %s", job->idempotency_key) ||
		!add_header(r, "webhook-timestamp: %" PRId64, now))
		return false;
	if (shown)
		return (f->secret == NULL || add_header(r, "webhook-signature: v1,…")) &&
		       (f->bearer == NULL || add_header(r, "Authorization: Bearer …"));
	return (f->secret == NULL || add_signature(r, f->secret, job, now)) &&
	       (f->bearer == NULL || add_bearer(r, f->bearer));
}

enum attempt_result forward_request_make(struct forward_request *r, const struct conf_hook *hook,
	const struct delivery_job *job, int64_t now, bool shown, char why[FORWARD_WHY])
{
	const struct conf_forward *f = &hook->action->forward;
	json_t *document = document_of_job(job, hook->name);
	enum attempt_result result;
	bool has_type = false;

	*r = (struct forward_request){.room = f->header_count + 5};
	r->headers = calloc(r->room + 1, sizeof(*r->headers));
	if (document == NULL || r->headers == NULL) {
		json_decref(document);
		return no_memory(why);
	}
	result = make_url(r, f, document, why);
	if (result == ATTEMPT_OK && shown)
		result = show_url(r, f, document, why);
	if (result == ATTEMPT_OK)
		result = make_body(r, f, job, why);
	if (result == ATTEMPT_OK)
		result = add_config_headers(r, f, document, shown, why, &has_type);
	if (result == ATTEMPT_OK && !add_hookd_headers(r, f, job, now, shown, has_type))
		result = no_memory(why);
	json_decref(document);
	return result;
}

void forward_request_free(struct forward_request *r)
{
	free(r->url);
	for (size_t i = 0; i < r->count; i++) {
		sodium_memzero(r->headers[i], strlen(r->headers[i]));
		free(r->headers[i]);
	}
	free(r->headers);
	buf_free(&r->body);
	*r = (struct forward_request){0};
}
