/* store/checksum.h - events.checksum: the checksum of a payload when it was received. It is NULL in
 * events that a hookd before schema 3 stored. Any thread. */
#ifndef HOOKD_STORE_CHECKSUM_H
#define HOOKD_STORE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 of the bytes (https://www.aumasson.jp/siphash/siphash.pdf), its 8 bytes read
 * as a little-endian number; under a fixed key. */
int64_t store_checksum(const void *payload, size_t len);

#endif
