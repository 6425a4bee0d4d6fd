#include "body.h"

#include <stdatomic.h>

/* `held` includes the `len` bytes of this body. */
static bool is_within(size_t len, size_t held, size_t limit)
{
	return len <= BODY_ALWAYS || (held <= limit && len <= limit - held);
}

bool body_fits(const struct body_budget *budget, size_t limit, size_t len)
{
	return is_within(len, atomic_load(&budget->held) + len, limit);
}

/* Doubled, so that copying what has arrived stays linear; a length that was announced is not
 * allocated before a half of it has arrived. */
static size_t next_size(const struct body *b, size_t need)
{
	size_t size = b->held > 0 ? b->held * 2 : BODY_ALWAYS;

	if (size > b->most)
		size = b->most;
	return size > need ? size : need;
}

static bool body_grow(struct body *b, struct body_budget *budget, size_t limit, size_t need)
{
	size_t size = next_size(b, need), more = size - b->held;
	size_t held = atomic_fetch_add(&budget->held, more) + more;

	if (!is_within(size, held, limit)) {
		atomic_fetch_sub(&budget->held, more);
		return false;
	}
	b->held = size;
	buf_set_room(&b->bytes, size);
	return true;
}

bool body_add(
	struct body *b, struct body_budget *budget, size_t limit, const void *bytes, size_t len)
{
	size_t need = b->bytes.len + len;

	if (need > b->held && !body_grow(b, budget, limit, need))
		return false;
	buf_add(&b->bytes, bytes, len);
	return true;
}

void body_free(struct body *b, struct body_budget *budget)
{
	atomic_fetch_sub(&budget->held, b->held);
	b->held = 0;
	buf_free(&b->bytes);
}
