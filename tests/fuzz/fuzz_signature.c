/* The signature header and a body: up to the first NUL the header, then the body. */
#include "sender/sender.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct header {
	const char *value;
	size_t len;
};

static const char *header_of(void *context, const char *name, size_t *len)
{
	const struct header *header = context;

	(void)name;
	*len = header->len;
	return header->value;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct secret *secret;
	const unsigned char *end = memchr(data, '\0', size);
	size_t len = end != NULL ? (size_t)(end - data) : size;
	struct verify_detail detail;
	char made[VERIFY_HEADER_MAX];

	if (secret == NULL) {
		if (sodium_init() < 0)
			abort();
		secret = secret_new("wh_sandbox_fuzz", 15);
	}
	struct header header = {(const char *)data, len};
	struct verify_request r = {
		.header = header_of,
		.context = &header,
		.body = end != NULL ? end + 1 : data,
		.body_len = end != NULL ? size - len - 1 : 0,
		.secrets = &secret,
		.secret_count = 1,
		.tolerance = 300000,
		.now = 1700000000000,
	};
	const struct verify_scheme *scheme = &sender_find("fedapay")->proof;

	if (verify_signature(scheme, &r, &detail) == VERIFY_OK && size < 60)
		abort(); /* nobody guesses a signature, least of all in fewer bytes than it has */
	verify_sign(scheme, secret, 1700000000, r.body, r.body_len, made);
	header = (struct header){made, strlen(made)};
	if (verify_signature(scheme, &r, &detail) != VERIFY_OK)
		abort();
	return 0;
}
