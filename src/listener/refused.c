#include "refused.h"

#include "store/refused.h"

#define HEADERS_MAX ((size_t)8 * 1024) /* of a value: no sender's is near it */

/* No other headers: one of them may have a password. */
static void add_proof_headers(struct buf *out, const struct request *r)
{
	const char *const *name = r->source->sender->proof.headers;

	for (; *name != NULL; name++) {
		size_t len;
		const char *value = http_header(r->http, *name, &len);

		if (value == NULL || len > HEADERS_MAX)
			continue;
		buf_printf(out, "%s: ", *name);
		buf_add(out, value, len);
		buf_add_char(out, '\n');
	}
}

void refused_keep(const struct request *r, const char *reason, int64_t now)
{
	char remote[NET_TEXT];
	struct buf headers = {0};
	struct store_refused refused = {.source = r->source->store_id,
		.received_at = now,
		.remote = remote,
		.reason = reason};

	net_format(http_client(r->http), remote);
	add_proof_headers(&headers, r);
	refused.headers = headers.data;
	refused.headers_len = headers.len;
	refused.body = http_body(r->http, &refused.body_len);
	if (buf_ok(&headers))
		store_refuse(r->store, &refused);
	buf_free(&headers);
}
