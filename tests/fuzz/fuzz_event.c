#include "event.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct event ev;

	if (sodium_init() < 0)
		abort();
	if (!event_parse(&ev, data, size))
		return 0;
	if (ev.idempotency_key == NULL || ev.payload != data || ev.payload_len != size)
		abort();
	if (ev.quarantined == NULL && (ev.type == NULL || strlen(ev.type) > EVENT_TYPE_MAX))
		abort();
	for (const char *p = ev.idempotency_key; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			abort(); /* it goes into headers and variables */
	event_free(&ev);
	return 0;
}
