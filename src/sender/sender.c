/* sender/sender.c - the table of senders. */
#include "sender/sender.h"

#include "rows.h"

#include <string.h>

static const struct sender *const senders[] = {
	&sender_fedapay,
};

#define SENDERS (sizeof(senders) / sizeof(senders[0]))

const struct sender *sender_at(size_t i)
{
	return i < SENDERS ? senders[i] : NULL;
}

const struct sender *sender_default(void)
{
	return senders[0];
}

const struct sender *sender_find(const char *name)
{
	for (size_t i = 0; i < SENDERS; i++)
		if (strcmp(senders[i]->name, name) == 0)
			return senders[i];
	return NULL;
}

const struct sender_mode *sender_mode_of(const struct secret *secret)
{
	for (size_t i = 0; i < SENDERS; i++)
		for (const struct sender_mode *m = senders[i]->modes; m->prefix != NULL; m++)
			if (secret_starts_with(secret, m->prefix))
				return m;
	return NULL;
}

const struct sender_api_mode *sender_api_mode_of(
	const struct sender *sender, const struct secret *key)
{
	if (sender->api == NULL)
		return NULL;
	for (const struct sender_api_mode *m = sender->api->modes; m->prefix != NULL; m++)
		if (secret_starts_with(key, m->prefix))
			return m;
	return NULL;
}

bool sender_is_secret(const char *text)
{
	for (size_t i = 0; i < SENDERS; i++)
		for (const struct sender_mode *m = senders[i]->modes; m->prefix != NULL; m++)
			if (strncmp(text, m->prefix, strlen(m->prefix)) == 0)
				return true;
	return false;
}
