#include "sweep.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

void sweep_begin(struct sweep *s, const struct sweep_plan *plan)
{
	*s = (struct sweep){.plan = *plan, .page = 1, .per_page = SWEEP_PAGE, .oldest = INT64_MAX};
}

static void drop_row(struct sweep_row *row)
{
	free(row->id);
	free(row->body);
	*row = (struct sweep_row){0};
}

void sweep_free(struct sweep *s)
{
	for (size_t i = 0; i < s->row_count; i++)
		drop_row(&s->rows[i]);
	free(s->rows);
	free(s->seen);
	*s = (struct sweep){0};
}

static void add_encoded(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *text) != NULL)
			buf_add_char(out, *text);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
}

void sweep_query(const struct sweep *s, struct buf *out)
{
	buf_printf(out, "?page=%u&per_page=%u", s->page, s->per_page);
	if (s->type == 0)
		return;
	buf_add_text(out, "&match=must&filters%5Btype%5D=");
	add_encoded(out, s->plan.types[s->type - 1]);
}

/* ---- rows ---- */

static uint64_t add_to_hash(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ b[i]) * UINT64_C(1099511628211); /* FNV-1a */
	return hash;
}

/* Of an event, whatever else is true of its id. */
static uint64_t identity_of(const struct answer_event *row)
{
	char *raw = row->unreadable ? json_text(row->raw, JSON_COMPACT) : NULL;
	const char *id = row->unreadable ? raw : row->id;
	const char *type = row->type != NULL ? row->type : "";
	json_int_t object = json_integer_value(row->object_id);
	uint64_t hash = UINT64_C(14695981039346656037);

	hash = add_to_hash(hash, id != NULL ? id : "", id != NULL ? strlen(id) + 1 : 0);
	hash = add_to_hash(hash, type, strlen(type) + 1);
	hash = add_to_hash(hash, &object, sizeof(object));
	hash = add_to_hash(hash, &row->created_at, sizeof(row->created_at));
	free(raw);
	return hash;
}

static bool was_on_last_page(const struct sweep *s, uint64_t identity)
{
	for (size_t i = 0; i < s->seen_count; i++)
		if (s->seen[i] == identity)
			return true;
	return false;
}

static bool is_kept(const struct sweep *s, uint64_t identity)
{
	for (size_t i = 0; i < s->row_count; i++)
		if (s->rows[i].identity == identity)
			return true;
	return false;
}

static int compare_rows(const void *left, const void *right)
{
	const struct sweep_row *a = left, *b = right;

	if (a->created_at != b->created_at)
		return a->created_at < b->created_at ? -1 : 1;
	return a->identity < b->identity ? -1 : a->identity > b->identity;
}

void sweep_sort(struct sweep *s)
{
	if (s->row_count > 0)
		qsort(s->rows, s->row_count, sizeof(*s->rows), compare_rows);
}

/* Leaves the newer half of the kept rows to the next sweep. */
static void leave_newest(struct sweep *s)
{
	size_t half = s->row_count / 2;

	sweep_sort(s);
	s->plan.upper = s->rows[half].created_at - 1;
	while (half > 0 && s->rows[half - 1].created_at > s->plan.upper)
		half--;
	while (s->row_count > half)
		drop_row(&s->rows[--s->row_count]);
	s->more = true;
}

static bool make_room(struct sweep *s)
{
	size_t room = s->room > 0 ? 2 * s->room : 64;
	struct sweep_row *rows;

	if (s->row_count == SWEEP_KEPT)
		leave_newest(s);
	if (s->row_count < s->room)
		return true;
	rows = reallocarray(s->rows, room, sizeof(*rows));
	if (rows == NULL)
		return false;
	s->rows = rows;
	s->room = room;
	return true;
}

static bool keep(
	struct sweep *s, const struct answer_event *row, uint64_t identity, struct buf *body)
{
	struct sweep_row *kept;

	if (!make_room(s) || !buf_ok(body))
		return false;
	if (row->created_at > s->plan.upper) /* it was lowered just now */
		return true;
	kept = &s->rows[s->row_count];
	*kept = (struct sweep_row){.identity = identity, .len = body->len};
	kept->body = buf_take(body);
	if (!row->unreadable) {
		kept->created_at = row->created_at;
		kept->id = strdup(row->id);
	}
	if (kept->body == NULL || (!row->unreadable && kept->id == NULL)) {
		drop_row(kept);
		return false;
	}
	s->row_count++;
	return true;
}

static bool judge(struct sweep *s, const struct answer_event *row, uint64_t identity)
{
	struct buf body = {0};
	bool good = true;

	if (is_kept(s, identity))
		return true;
	switch (s->plan.judge(s->plan.arg, row, &body)) {
	case SWEEP_IGNORE:
		break;
	case SWEEP_KEEP:
		good = keep(s, row, identity, &body);
		break;
	case SWEEP_UNKNOWN:
		good = false;
		break;
	}
	buf_free(&body);
	return good;
}

/* *old: none of the page's rows is as new as floor. */
static bool take_row(struct sweep *s, const struct answer_event *row, uint64_t identity, bool *old)
{
	if (was_on_last_page(s, identity))
		return true;
	if (row->unreadable)
		return judge(s, row, identity);
	if (s->last != 0 && row->created_at > s->last)
		s->rose = true;
	if (s->last != 0 && row->created_at < s->last)
		s->fell = true;
	s->last = row->created_at;
	if (row->created_at < s->oldest)
		s->oldest = row->created_at;
	if (row->created_at >= s->plan.floor)
		*old = false;
	if (row->created_at < s->plan.floor || row->created_at > s->plan.upper)
		return true;
	return judge(s, row, identity);
}

static bool take_rows(struct sweep *s, const struct answer_list *list, bool *old)
{
	uint64_t *seen = calloc(list->count + 1, sizeof(*seen));
	bool good = seen != NULL;

	for (size_t i = 0; good && i < list->count; i++) {
		seen[i] = identity_of(&list->rows[i]);
		good = take_row(s, &list->rows[i], seen[i], old);
	}
	free(s->seen);
	s->seen = seen;
	s->seen_count = good ? list->count : 0;
	return good;
}

/* ---- pages ---- */

static void restart(struct sweep *s)
{
	s->page = 1;
	s->depth = 0;
	s->last = 0;
	s->rose = s->fell = false;
	s->seen_count = 0;
}

/* The list, or that of one type, was read. */
static enum sweep_step next_type(struct sweep *s)
{
	if (s->type == 0 || s->type == s->plan.type_count)
		return SWEEP_READ;
	s->type++;
	restart(s);
	return SWEEP_ASK;
}

static enum sweep_step window_ended(struct sweep *s)
{
	if (s->type != 0 || s->plan.type_count == 0)
		return SWEEP_INCOMPLETE;
	s->type = 1;
	restart(s);
	return SWEEP_ASK;
}

static bool is_last_page(const struct sweep *s, const struct answer_list *list, bool old)
{
	if (list->count == 0 || list->next == ANSWER_NEXT_NONE)
		return true;
	/* Without a size in meta, a short page may be all that the API gives at once. */
	if (list->next == ANSWER_NEXT_UNKNOWN && list->per_page > 0 &&
		(int64_t)list->count < list->per_page)
		return true;
	return old && s->fell && !s->rose;
}

enum sweep_step sweep_take(struct sweep *s, const struct answer_list *list)
{
	bool old = list->count > 0;

	if (!take_rows(s, list, &old))
		return SWEEP_FAILED;
	if (is_last_page(s, list, old))
		return next_type(s);
	s->depth += list->per_page > 0 ? (size_t)list->per_page : list->count;
	s->page++;
	return s->depth >= SWEEP_WINDOW ? window_ended(s) : SWEEP_ASK;
}

enum sweep_step sweep_refused(struct sweep *s)
{
	return s->page == 1 ? SWEEP_FAILED : window_ended(s);
}

bool sweep_shrink(struct sweep *s)
{
	if (s->per_page == SWEEP_PAGE_LEAST)
		return false;
	s->per_page = s->per_page > SWEEP_PAGE_LESS ? SWEEP_PAGE_LESS : SWEEP_PAGE_LEAST;
	s->page = (unsigned)(s->depth / s->per_page) + 1; /* some rows may come again */
	return true;
}
