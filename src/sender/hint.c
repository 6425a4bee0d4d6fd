/* sender/hint.c - what is usually wrong when a sender's requests are refused. */
#include "sender/sender.h"

#include <string.h>

/* The mode that all secrets are for; NULL: they are for several, or for none that is known. */
static const struct sender_mode *mode_of(struct secret *const *secrets, size_t count)
{
	const struct sender_mode *mode = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct sender_mode *one = sender_mode_of(secrets[i]);

		if (one == NULL || (mode != NULL && one != mode))
			return NULL;
		mode = one;
	}
	return mode;
}

static const char *hint_at_secrets(
	const struct sender *sender, struct secret *const *secrets, size_t count)
{
	const struct sender_mode *mode = mode_of(secrets, count);

	if (mode != NULL)
		return mode->hint;
	for (size_t i = 0; i < count; i++)
		if (secret_starts_with(secrets[i], sender->api_key))
			return "a secret of the source is an API key: a webhook has a secret of "
			       "its own";
	for (size_t i = 0; i < count; i++)
		if (sender_mode_of(secrets[i]) == NULL)
			return "a secret of the source does not begin as the sender's do; hookctl "
			       "verify compares it with a request";
	return "the secret may be another webhook's, or an old one; hookctl verify compares it "
	       "with a request";
}

const char *sender_hint(const struct sender *sender, const char *reason,
	struct secret *const *secrets, size_t count)
{
	enum verify_result result = VERIFY_OK;

	while (result <= VERIFY_TOO_NEW && strcmp(reason, verify_reason(result)) != 0)
		result++;
	switch (result) {
	case VERIFY_NO_MATCH:
		return hint_at_secrets(sender, secrets, count);
	case VERIFY_NO_HEADER:
		return "a proxy in front of hookd drops the signature header, or it is not the "
		       "sender who posts to this path";
	case VERIFY_NO_SCHEME:
	case VERIFY_MALFORMED:
		return "the signature header is another sender's (as v1= and sha256= are), or a "
		       "proxy changes it; hookctl verify explains it";
	case VERIFY_TOO_OLD:
	case VERIFY_TOO_NEW:
		return "this machine's clock is wrong, or requests arrive late: see timedatectl "
		       "and tolerance";
	case VERIFY_OK:
		break;
	}
	return NULL;
}
