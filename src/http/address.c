#include "address.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

static struct net_address counted_address(const struct net_address *a)
{
	struct net_address key = {.family = a->family};

	memcpy(key.bytes, a->bytes, a->family == AF_INET ? 4 : 8);
	return key;
}

static struct address_count **bucket_of(struct address_table *t, const struct net_address *key)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint32_t index;

	crypto_shorthash(hash, key->bytes, sizeof(key->bytes), t->key);
	memcpy(&index, hash, sizeof(index));
	return &t->buckets[index % BUCKETS];
}

static bool same_address(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct address_count *address_count_up(struct address_table *t, const struct net_address *address)
{
	struct net_address key = counted_address(address);
	struct address_count **bucket = bucket_of(t, &key);
	struct address_count *entry;

	for (entry = *bucket; entry != NULL; entry = entry->next) {
		if (same_address(&entry->address, &key)) {
			entry->count++;
			return entry;
		}
	}
	entry = malloc(sizeof(*entry));
	if (entry == NULL)
		return NULL;
	*entry = (struct address_count){.next = *bucket, .address = key, .count = 1};
	*bucket = entry;
	return entry;
}

void address_count_down(struct address_table *t, const struct net_address *address)
{
	struct net_address key = counted_address(address);
	struct address_count **link = bucket_of(t, &key);

	for (; *link != NULL; link = &(*link)->next) {
		struct address_count *entry = *link;

		if (!same_address(&entry->address, &key))
			continue;
		if (--entry->count == 0) {
			*link = entry->next;
			free(entry);
		}
		return;
	}
}

bool address_table_init(struct address_table *t)
{
	crypto_shorthash_keygen(t->key);
	t->buckets = calloc(BUCKETS, sizeof(struct address_count *));
	return t->buckets != NULL;
}

void address_table_free(struct address_table *t)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		while (t->buckets[i] != NULL) {
			struct address_count *entry = t->buckets[i];

			t->buckets[i] = entry->next;
			free(entry);
		}
	}
	free(t->buckets);
}
