/* store/pages.h - pages of a copy that are still to be handed over: the writer gathers them here,
 * and the asker's thread takes them, because what it does with them may be slow. Each place is kept
 * once, as it was gathered last. One thread at a time. */
#ifndef HOOKD_STORE_PAGES_H
#define HOOKD_STORE_PAGES_H

#include "base/attributes.h"

#include "store/maintenance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PAGES_MAX ((size_t)64 << 20) /* bytes that may wait */

struct store_pages;

/* NULL: out of memory. */
struct store_pages *store_pages_new(void) WARN_UNUSED;
void store_pages_free(struct store_pages *s); /* NULL is allowed */

/* How large the copy is. Starts at `size`, the copy's so far. */
void store_pages_set_size(struct store_pages *s, int64_t size);
int64_t store_pages_size(const struct store_pages *s);

/* Adds a page. False: out of memory, or STORE_PAGES_MAX is reached. */
bool store_pages_add(struct store_pages *s, int64_t at, const void *bytes, size_t len) WARN_UNUSED;

/* Was a page refused because STORE_PAGES_MAX is reached? */
bool store_pages_full(const struct store_pages *s) WARN_UNUSED;

enum store_pages_read { STORE_PAGES_READ, STORE_PAGES_NO_MEMORY, STORE_PAGES_STOPPED };

/* Hands all of it over, in order, in parts of at most `max` bytes, which a page has room in.
 * STOPPED: `seen` wanted no more. */
enum store_pages_read store_pages_read(
	const struct store_pages *s, size_t max, store_bytes_seen *seen, void *arg) WARN_UNUSED;

#endif
