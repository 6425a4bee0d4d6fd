/* Why a signature does not match: a header, a NUL, a body. What it prints is fit for a terminal,
 * and never the secret or the right signature. */
#include "base/secret.h"
#include "hookctl/diagnose/diagnose.h"
#include "hookctl/diagnose/header.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define SECRET "d2hzZWNfYy0wLWYtZi1lLWU=" /* base64, as some secrets are */

struct given {
	const char *value;
	size_t len;
};

static const char *header_of(void *context, const char *name, size_t *len)
{
	const struct given *given = context;

	(void)name;
	*len = given->len;
	return given->value;
}

static void check(const struct buf *out, const struct verify_request *r)
{
	char made[VERIFY_HEADER_MAX];

	verify_sign(&sender_find("fedapay")->proof, r->secrets[0], 1700000000, r->body, r->body_len,
		made);
	if (!buf_ok(out))
		abort();
	for (size_t i = 0; i < out->len; i++)
		if (((unsigned char)out->data[i] < ' ' && out->data[i] != '\n') ||
			out->data[i] == 0x7f)
			abort();
	if (out->len > 0 && (strstr(out->data, SECRET) != NULL ||
				    strstr(out->data, strstr(made, "s=") + 2) != NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct secret *secret;
	const unsigned char *end = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t len = end != NULL ? (size_t)(end - data) : size;
	const struct sender *sender = sender_find("fedapay");
	struct diagnose_header header;
	struct verify_detail detail;
	struct buf out = {0};

	if (secret == NULL) {
		if (sodium_init() < 0)
			abort();
		secret = secret_new(SECRET, strlen(SECRET));
	}
	struct given given = {(const char *)data, len};
	struct verify_request r = {
		.header = header_of,
		.context = &given,
		.body = end != NULL ? end + 1 : data,
		.body_len = end != NULL ? size - len - 1 : 0,
		.secrets = &secret,
		.secret_count = 1,
		.tolerance = 300000,
		.now = 1700000000000,
	};
	diagnose_header(&sender->proof, given.value, given.len, &header);
	if (header.unreadable > header.signatures || (header.t_number && header.t == NULL))
		abort();
	switch (verify_signature(&sender->proof, &r, &detail)) {
	case VERIFY_MALFORMED:
	case VERIFY_NO_SCHEME:
	case VERIFY_NO_MATCH:
		if (diagnose_mismatch(sender, &r, &out) && out.len == 0)
			abort(); /* it reports what it has found */
		check(&out, &r);
		buf_clear(&out);
		diagnose_hint(sender, &r, &out);
		check(&out, &r);
		break;
	default:
		break;
	}
	buf_free(&out);
	return 0;
}
