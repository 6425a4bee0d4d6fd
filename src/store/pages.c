#include "pages.h"

#include "store/maintenance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096 /* STORE_PAGES_MAX in pages of 16 KiB */

struct page {
	struct page *next; /* of its bucket */
	int64_t at;
	size_t len;
	unsigned char bytes[];
};

struct store_pages {
	struct page *buckets[BUCKETS];
	size_t bytes, count;
	int64_t size;
	bool full;
};

struct store_pages *store_pages_new(void)
{
	return calloc(1, sizeof(struct store_pages));
}

void store_pages_free(struct store_pages *s)
{
	for (size_t i = 0; s != NULL && i < BUCKETS; i++)
		for (struct page *p = s->buckets[i], *next; p != NULL; p = next) {
			next = p->next;
			free(p);
		}
	free(s);
}

void store_pages_set_size(struct store_pages *s, int64_t size)
{
	s->size = size;
}

int64_t store_pages_size(const struct store_pages *s)
{
	return s->size;
}

bool store_pages_full(const struct store_pages *s)
{
	return s->full;
}

static struct page **bucket_of(struct store_pages *s, int64_t at, size_t len)
{
	return &s->buckets[(uint64_t)at / len % BUCKETS];
}

static struct page *add_page(struct store_pages *s, struct page **bucket, int64_t at, size_t len)
{
	struct page *p;

	s->full = s->full || s->bytes + len > STORE_PAGES_MAX;
	if (s->full)
		return NULL;
	p = malloc(sizeof(*p) + len);
	if (p == NULL)
		return NULL;
	p->at = at;
	p->len = len;
	p->next = *bucket;
	*bucket = p;
	s->bytes += len;
	s->count++;
	return p;
}

bool store_pages_add(struct store_pages *s, int64_t at, const void *bytes, size_t len)
{
	struct page **bucket = bucket_of(s, at, len), *p = *bucket;

	while (p != NULL && (p->at != at || p->len != len))
		p = p->next;
	if (p == NULL)
		p = add_page(s, bucket, at, len);
	if (p == NULL)
		return false;
	memcpy(p->bytes, bytes, len);
	if (at + (int64_t)len > s->size)
		s->size = at + (int64_t)len;
	return true;
}

static int by_place(const void *left, const void *right)
{
	const struct page *a = *(struct page *const *)left, *b = *(struct page *const *)right;

	return a->at < b->at ? -1 : a->at > b->at;
}

static struct page **sort_pages(const struct store_pages *s)
{
	struct page **pages = calloc(s->count + 1, sizeof(struct page *));
	size_t n = 0;

	if (pages == NULL)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct page *p = s->buckets[i]; p != NULL; p = p->next)
			pages[n++] = p;
	qsort(pages, n, sizeof(struct page *), by_place);
	return pages;
}

/* Pages that lie one behind the other: as many as there is room for. */
static size_t join_pages(struct page *const *pages, size_t count, unsigned char *to, size_t max)
{
	size_t len = 0;

	for (size_t i = 0; i < count && pages[i]->at == pages[0]->at + (int64_t)len &&
			   pages[i]->len <= max - len;
		i++) {
		memcpy(to + len, pages[i]->bytes, pages[i]->len);
		len += pages[i]->len;
	}
	return len;
}

enum store_pages_read store_pages_read(
	const struct store_pages *s, size_t max, store_bytes_seen *seen, void *arg)
{
	struct page **pages = sort_pages(s);
	unsigned char *part = malloc(max);
	enum store_pages_read result =
		pages != NULL && part != NULL ? STORE_PAGES_READ : STORE_PAGES_NO_MEMORY;

	for (size_t i = 0; i < s->count && result == STORE_PAGES_READ;) {
		int64_t at = pages[i]->at;
		size_t len = join_pages(pages + i, s->count - i, part, max);

		while (i < s->count && pages[i]->at < at + (int64_t)len)
			i++;
		if (!seen(arg, at, part, len))
			result = STORE_PAGES_STOPPED;
	}
	free(part);
	free(pages);
	return result;
}

bool store_backup_take(
	struct store_backup *b, store_bytes_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	enum store_pages_read result = STORE_PAGES_READ;

	if (b->pages != NULL) {
		b->size = store_pages_size(b->pages);
		result = store_pages_read(b->pages, STORE_BACKUP_PART, seen, arg);
	}
	if (result == STORE_PAGES_NO_MEMORY)
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	store_pages_free(b->pages);
	b->pages = NULL;
	return result == STORE_PAGES_READ;
}
