#include "output.h"

#include "base/buf.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void action_output_init(
	struct action_output *o, size_t cap, int64_t event, const char *hook, unsigned attempt)
{
	*o = (struct action_output){
		.cap = cap,
		.budget = cap > ACTION_OUTPUT_LOGGED ? cap : ACTION_OUTPUT_LOGGED,
		.event = event,
		.hook = hook,
		.attempt = attempt,
	};
}

static void log_line(struct action_output *o)
{
	size_t len = o->line_len;
	o->line_len = 0;
	if (len > 0 && o->line[len - 1] == '\r')
		len--;
	if (len == 0 || o->budget == 0)
		return;

	if (len >= o->budget) {
		o->budget = 0;
		log_info("script prints too much: the rest is not logged",
			log_int("event", o->event), log_text("hook", o->hook),
			log_int("attempt", o->attempt));
		return;
	}
	o->budget -= len;
	log_info("script output", log_int("event", o->event), log_text("hook", o->hook),
		log_int("attempt", o->attempt), log_bytes("line", o->line, len));
}

static void add_to_line(struct action_output *o, const char *bytes, size_t len)
{
	while (len > 0 && o->budget > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;
		size_t room = sizeof(o->line) - o->line_len;
		bool whole = end && n <= room;

		if (n > room)
			n = room;
		memcpy(o->line + o->line_len, bytes, n);
		o->line_len += n;
		if (whole)
			n++; /* the newline */
		bytes += n;
		len -= n;
		if (whole || (o->line_len == sizeof(o->line) && len > 0))
			log_line(o);
	}
}

static void grow_kept(struct action_output *o, size_t wanted)
{
	if (wanted > o->cap)
		wanted = o->cap;
	if (wanted <= o->room)
		return;
	size_t room = o->room ? o->room : 256;
	while (room < wanted)
		room = room > o->cap / 2 ? o->cap : room * 2;
	if (room > o->cap)
		room = o->cap;
	char *kept = realloc(o->kept, room);
	if (kept) {
		o->kept = kept;
		o->room = room;
	} else {
		o->cap = o->room; /* out of memory: continue with what there is */
	}
}

static void add_to_ring(struct action_output *o, const char *bytes, size_t len)
{
	size_t head = o->cap / 4;
	size_t ring = o->cap - head;

	o->dropped += len; /* each byte replaces one, maybe one just added */
	if (ring == 0)
		return;
	if (len > ring) {
		bytes += len - ring;
		len = ring;
	}
	while (len > 0) {
		size_t n = ring - o->ring_at < len ? ring - o->ring_at : len;
		memcpy(o->kept + head + o->ring_at, bytes, n);
		o->ring_at = (o->ring_at + n) % ring;
		bytes += n;
		len -= n;
	}
}

void action_output_add(struct action_output *o, const char *bytes, size_t len)
{
	add_to_line(o, bytes, len);

	if (len > o->room - o->len)
		grow_kept(o, o->len + len);
	size_t n = o->room - o->len < len ? o->room - o->len : len;
	if (n > 0) {
		memcpy(o->kept + o->len, bytes, n);
		o->len += n;
	}
	if (n < len)
		add_to_ring(o, bytes + n, len - n);
}

char *action_output_take(struct action_output *o, size_t *len)
{
	struct buf out = {0};

	log_line(o);
	size_t head = o->dropped ? o->cap / 4 : o->len;
	size_t ring = o->len - head;
	*len = 0;
	if (o->len == 0 && o->dropped == 0)
		return NULL;

	if (head > 0)
		buf_add(&out, o->kept, head);
	if (o->dropped)
		buf_printf(
			&out, "%s[… %" PRIu64 " bytes left out …]\n", head ? "\n" : "", o->dropped);
	if (ring > 0) {
		buf_add(&out, o->kept + head + o->ring_at, ring - o->ring_at);
		buf_add(&out, o->kept + head, o->ring_at);
	}
	size_t total = out.len;
	char *text = buf_take(&out);
	if (text)
		*len = total;
	return text;
}

void action_output_free(struct action_output *o)
{
	free(o->kept);
	o->kept = NULL;
}
