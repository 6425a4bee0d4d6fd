#include "refusals.h"

#include <stdlib.h>
#include <string.h>

enum {
	QUEUE_BYTES = STORE_REFUSED_BYTES, /* a burst is kept as far as the disk keeps it */
	QUEUE_ROWS = 2 * STORE_REFUSED_ROWS,
	TAKE_BYTES = 512 << 10, /* and at least one */
	TAKE_ROWS = 256,
};

static char *copy_bytes(char **at, const void *bytes, size_t len)
{
	char *copy = *at;

	if (len > 0)
		memcpy(copy, bytes, len);
	*at += len;
	return copy;
}

struct store_refusal *store_refusal_make(const struct store_refused *r)
{
	size_t remote = strlen(r->remote) + 1, reason = strlen(r->reason) + 1;
	size_t rest = sizeof(struct store_refusal) + remote + reason + r->headers_len;
	struct store_refusal *copy;
	char *at;

	if (r->headers_len > QUEUE_BYTES / 2 || r->body_len > QUEUE_BYTES - rest)
		return NULL;
	copy = malloc(rest + r->body_len);
	if (copy == NULL)
		return NULL;
	at = (char *)(copy + 1);
	*copy = (struct store_refusal){.request = *r, .bytes = rest + r->body_len};
	copy->request.remote = copy_bytes(&at, r->remote, remote);
	copy->request.reason = copy_bytes(&at, r->reason, reason);
	copy->request.headers = copy_bytes(&at, r->headers, r->headers_len);
	copy->request.body = copy_bytes(&at, r->body, r->body_len);
	return copy;
}

void store_refusal_free(struct store_refusal *first)
{
	while (first != NULL) {
		struct store_refusal *next = first->next;

		free(first);
		first = next;
	}
}

/* The list of a source, added if it is new. NULL: out of memory. */
static struct store_refusal_list *find_list(struct store_refusals *q, int64_t source)
{
	struct store_refusal_list *more;

	for (size_t i = 0; i < q->list_count; i++)
		if (q->lists[i].source == source)
			return &q->lists[i];
	more = reallocarray(q->lists, q->list_count + 1, sizeof(*more));
	if (more == NULL)
		return NULL;
	q->lists = more;
	/* The lists may have moved. */
	for (size_t i = 0; i < q->list_count; i++)
		if (more[i].head == NULL)
			more[i].tail = &more[i].head;
	more[q->list_count] = (struct store_refusal_list){.source = source};
	more[q->list_count].tail = &more[q->list_count].head;
	return &more[q->list_count++];
}

static struct store_refusal *pop(struct store_refusals *q, struct store_refusal_list *list)
{
	struct store_refusal *r = list->head;

	list->head = r->next;
	if (list->head == NULL)
		list->tail = &list->head;
	list->bytes -= r->bytes;
	list->count--;
	q->bytes -= r->bytes;
	q->count--;
	r->next = NULL;
	return r;
}

static struct store_refusal_list *largest(const struct store_refusals *q)
{
	struct store_refusal_list *most = &q->lists[0];

	for (size_t i = 1; i < q->list_count; i++)
		if (q->lists[i].bytes > most->bytes)
			most = &q->lists[i];
	return most;
}

struct store_refusal *store_refusals_add(struct store_refusals *q, struct store_refusal *r)
{
	struct store_refusal_list *list = find_list(q, r->request.source);
	struct store_refusal *out = NULL;

	if (list == NULL) {
		q->dropped++;
		return r;
	}
	*list->tail = r;
	list->tail = &r->next;
	list->bytes += r->bytes;
	list->count++;
	q->bytes += r->bytes;
	q->count++;
	while (q->bytes > QUEUE_BYTES || q->count > QUEUE_ROWS) {
		struct store_refusal *oldest = pop(q, largest(q));

		oldest->next = out;
		out = oldest;
		q->dropped++;
	}
	return out;
}

struct store_refusal *store_refusals_take(struct store_refusals *q)
{
	struct store_refusal *first = NULL, **end = &first;
	size_t bytes = 0;
	unsigned count = 0;

	while (q->count > 0) {
		struct store_refusal_list *list = &q->lists[q->turn % q->list_count];

		if (list->head == NULL) {
			q->turn++;
			continue;
		}
		bytes += list->head->bytes;
		if (count > 0 && (bytes > TAKE_BYTES || count == TAKE_ROWS)) {
			q->turn++; /* another source's first, next time */
			break;
		}
		*end = pop(q, list);
		end = &(*end)->next;
		count++;
	}
	return first;
}

void store_refusals_free(struct store_refusals *q)
{
	for (size_t i = 0; i < q->list_count; i++)
		store_refusal_free(q->lists[i].head);
	free(q->lists);
	*q = (struct store_refusals){0};
}
