/* disk_kept.c - what a disk may have kept of a file after a power failure: everything synced, and
 * any part of the rest. */
#include "disk_model.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

static size_t below(uint64_t *rng, size_t n)
{
	return n == 0 ? 0 : (size_t)(disk_random(rng) % n);
}

enum keep {
	KEEP_NOTHING,
	KEEP_ALL,
	KEEP_FIRST,  /* what was written before some moment, with the write at that moment torn */
	KEEP_LAST,   /* only what was written after some moment */
	KEEP_SECTOR, /* any version of each sector */
	KEEP_PAGE,   /* the same, eight sectors at a time */
	KEEP_TORN,   /* any version of each sector, the last one torn at a byte or garbage */
	KEEP_MODES
};

static size_t sectors(const struct disk_change *c, size_t *first)
{
	*first = c->offset / SECTOR;
	return (c->offset + c->len + SECTOR - 1) / SECTOR - *first;
}

/* How many of the changes that touch each sector were kept. */
static void choose(const struct disk_node *node, enum keep mode, size_t moment, unsigned *kept,
	size_t count, uint64_t *rng)
{
	unsigned *touched = disk_need(calloc(count, sizeof(*touched)));
	unsigned *least = disk_need(calloc(count, sizeof(*least)));
	uint64_t page = 0;

	for (size_t i = 0; i < node->count; i++) {
		size_t first, n = sectors(&node->changes[i], &first);
		for (size_t s = first; s < first + n; s++) {
			touched[s]++;
			if (node->changes[i].synced)
				least[s] = touched[s];
			if (mode == KEEP_ALL || (mode == KEEP_FIRST && i <= moment) ||
				(mode == KEEP_LAST && i >= moment))
				kept[s] = touched[s];
		}
	}
	for (size_t s = 0; s < count; s++) {
		if (s % 8 == 0)
			page = disk_random(rng);
		if (mode == KEEP_SECTOR || mode == KEEP_TORN)
			kept[s] = (unsigned)below(rng, touched[s] + 1);
		else if (mode == KEEP_PAGE)
			kept[s] = (unsigned)(page % (touched[s] + 1));
		if (kept[s] < least[s])
			kept[s] = least[s];
	}
	free(touched);
	free(least);
}

/* The kept part of a change. */
static void keep(unsigned char *bytes, const struct disk_change *c, enum keep mode, bool torn,
	unsigned *seen, const unsigned *kept, uint64_t *rng)
{
	size_t first, n = sectors(c, &first);
	size_t end = c->offset + c->len;

	if (torn)
		end = c->offset + below(rng, c->len + 1);
	for (size_t s = first; s < first + n; s++) {
		size_t from = s * SECTOR < c->offset ? c->offset : s * SECTOR;
		size_t to = (s + 1) * SECTOR > end ? end : (s + 1) * SECTOR;
		if (seen[s]++ >= kept[s] || from >= to)
			continue;
		if (mode == KEEP_TORN && seen[s] == kept[s] && !c->synced && below(rng, 4) == 0) {
			if (below(rng, 3) == 0)
				for (size_t i = from; i < to; i++)
					bytes[i] = (unsigned char)disk_random(rng);
			else
				to = from + below(rng, to - from + 1);
		}
		if (from < to)
			disk_apply(bytes, c, from, to);
	}
}

static size_t choose_size(
	const struct disk_node *node, enum keep mode, size_t moment, uint64_t *rng)
{
	size_t sure = 0; /* changes certainly kept */

	for (size_t i = 0; i < node->count; i++) {
		if (node->changes[i].synced)
			sure = i + 1;
	}
	size_t n = mode == KEEP_NOTHING                        ? 0
		   : mode == KEEP_FIRST                        ? moment + 1
		   : mode >= KEEP_SECTOR && below(rng, 2) == 0 ? below(rng, node->count + 1)
							       : node->count;
	n = n < sure ? sure : n;
	return n == 0 ? node->durable_size : node->changes[n - 1].size_after;
}

unsigned char *disk_kept(const struct disk_node *node, uint64_t *rng, size_t *size)
{
	enum keep mode = node->count == 0 ? KEEP_NOTHING : (enum keep)below(rng, KEEP_MODES);
	size_t moment = below(rng, node->count);
	size_t room = node->durable_size;

	for (size_t i = 0; i < node->count; i++) {
		size_t end = node->changes[i].offset + node->changes[i].len;
		room = room < end ? end : room;
		end = node->changes[i].size_after; /* more, where a failed sync lost some */
		room = room < end ? end : room;
	}
	size_t count = room / SECTOR + 1;
	unsigned char *bytes = disk_need(calloc(1, room + 1));
	unsigned *kept = disk_need(calloc(count, sizeof(*kept)));
	unsigned *seen = disk_need(calloc(count, sizeof(*seen)));
	if (node->durable_size > 0)
		memcpy(bytes, node->durable, node->durable_size);
	choose(node, mode, moment, kept, count, rng);
	for (size_t i = 0; i < node->count; i++)
		keep(bytes, &node->changes[i], mode,
			mode == KEEP_FIRST && i == moment && !node->changes[i].synced, seen, kept,
			rng);
	*size = choose_size(node, mode, moment, rng);
	free(kept);
	free(seen);
	return bytes;
}
