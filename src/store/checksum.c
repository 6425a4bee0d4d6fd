#include "checksum.h"

#include <sodium.h>

/* It protects against accidents, not attackers, who could rewrite the checksum as well. So the
 * key is not secret. It must never change. */
static const unsigned char key[crypto_shorthash_KEYBYTES] = "hookd's payloads";

int64_t store_checksum(const void *payload, size_t len)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t sum = 0;

	(void)crypto_shorthash(hash, payload, len, key);
	for (size_t i = 0; i < sizeof(hash); i++)
		sum |= (uint64_t)hash[i] << (8 * i);
	return (int64_t)sum;
}
