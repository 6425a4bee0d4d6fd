#include "conf/match.h"

#include <fnmatch.h>

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* Most globs have no special character, or differ before the first one. */
bool match_type(const char *glob, const char *type)
{
	while (*glob != '\0' && *glob == *type && !is_special(*glob)) {
		glob++;
		type++;
	}
	if (is_special(*glob))
		return fnmatch(glob, type, 0) == 0;
	return *glob == *type;
}

bool match_on(const struct conf_hook *hook, const char *type)
{
	for (size_t i = 0; i < hook->on_count; i++)
		if (match_type(hook->on[i], type))
			return true;
	return false;
}

bool match_when(const struct conf_hook *hook, const json_t *document, struct buf *why)
{
	return hook->when == NULL || condition_holds(hook->when, document, why);
}

/* The length of a text cut to max bytes, between UTF-8 characters. */
static size_t cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void add_declined(struct buf *declined, const char *hook, const struct buf *why)
{
	if (why->len == 0)
		return;
	buf_printf(declined, "%s\t", hook);
	buf_add(declined, why->data, cut(why->data, why->len, MATCH_REASON));
	buf_add_char(declined, '\n');
}

/* Does its `when` hold? Parses the body only if there is one. Reasons take most of the time; those
 * that would not be kept are not written. */
static bool holds(
	const struct conf_hook *hook, struct event *ev, struct buf *why, struct buf *declined)
{
	const json_t *document;
	bool no_memory = false, good = false;

	if (hook->when == NULL)
		return true;
	if (!event_document(ev, &document))
		no_memory = true;
	else if (declined->len >= MATCH_DECLINED)
		good = condition_decides(hook->when, document, &no_memory);
	else
		good = condition_holds(hook->when, document, why);
	/* When out of memory no hook may be left out. */
	if (no_memory || why->failed)
		declined->failed = true;
	return good;
}

size_t match_hooks(
	const struct conf_source *source, struct event *ev, int64_t *ids, struct buf *declined)
{
	struct buf why = {0};
	size_t n = 0;

	if (ev->quarantined != NULL || ev->type == NULL)
		return 0;
	for (size_t i = 0; i < source->hook_count; i++) {
		const struct conf_hook *hook = source->hooks[i];

		if (!match_on(hook, ev->type))
			continue;
		buf_clear(&why);
		if (holds(hook, ev, &why, declined))
			ids[n++] = hook->store_id;
		else
			add_declined(declined, hook->name, &why);
	}
	buf_free(&why);
	return n;
}
