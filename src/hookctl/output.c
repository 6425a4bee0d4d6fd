/* What `events` and `show` share: the store they look into and how they write. */
#include "base/clock.h"
#include "hookctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A config with errors is no reason not to look: what went wrong is in the store. */
static char *configured_path(const struct ctl *ctl)
{
	struct buf errors = {0};
	char *path = conf_store_path(ctl->config, &errors);

	if (path == NULL) {
		if (errors.len > 0)
			(void)fwrite(errors.data, 1, errors.len, stderr);
		ctl_say("with --store FILE a store can be read without the config");
	}
	buf_free(&errors);
	return path;
}

struct store_reader *ctl_store(const struct ctl *ctl, const char *path, char **name, int *status)
{
	char why[STORE_READ_WHY];
	struct store_reader *reader;

	*status = CTL_CONFIG;
	*name = path != NULL ? strdup(path) : configured_path(ctl);
	if (*name == NULL)
		return NULL;
	*status = CTL_FAILED;
	reader = store_reader_open(*name, why);
	if (reader == NULL) {
		ctl_say("%s", why);
		free(*name);
		*name = NULL;
	}
	return reader;
}

void ctl_json_text(struct buf *out, bool comma, const char *key, const char *text)
{
	buf_printf(out, "%s\"%s\":", comma ? "," : "", key);
	if (text != NULL)
		buf_add_json(out, text, strlen(text));
	else
		buf_add_text(out, "null");
}

void ctl_json_time(struct buf *out, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT];

	clock_format(ms, text);
	ctl_json_text(out, true, key, ms != 0 ? text : NULL);
}

void ctl_say_damaged(int64_t event)
{
	ctl_say("event %" PRId64 ": its payload is damaged, it is not what came in", event);
}

void ctl_event_json(struct buf *out, const struct store_event_row *row)
{
	buf_printf(out, "\"id\":%" PRId64, row->id);
	ctl_json_text(out, true, "source", row->source);
	ctl_json_text(out, true, "type", row->type);
	ctl_json_text(out, true, "entity_kind", row->entity_kind);
	ctl_json_text(out, true, "entity_id", row->entity_id);
	ctl_json_time(out, "received_at", row->received_at);
	ctl_json_time(out, "occurred_at", row->occurred_at);
	ctl_json_text(out, true, "origin", row->origin);
	ctl_json_text(out, true, "remote_addr", row->remote);
	ctl_json_text(out, true, "provider_event_id", row->provider_event_id);
	ctl_json_text(out, true, "idempotency_key", row->idempotency_key);
	buf_printf(out, ",\"duplicates\":%" PRId64 ",\"conflicts\":%" PRId64, row->duplicates,
		row->conflicts);
	ctl_json_text(out, true, "quarantined", row->quarantined);
	buf_printf(out,
		",\"waiting\":%" PRId64 ",\"done\":%" PRId64 ",\"dead\":%" PRId64
		",\"skipped\":%" PRId64,
		row->waiting, row->done, row->dead, row->skipped);
}

void ctl_add_output(struct buf *out, const char *before, const char *text, size_t len)
{
	if (len == 0)
		return; /* text may be NULL */
	for (const char *end = text + len; text < end;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline != NULL ? newline : end;

		buf_add_text(out, before);
		buf_add_escaped(out, text, (size_t)(stop - text), '\0');
		buf_add_char(out, '\n');
		text = newline != NULL ? newline + 1 : end;
	}
}

bool ctl_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) == 1 && (no == NULL || *no == '\0');
}

bool ctl_put(struct buf *b)
{
	bool written = false;

	if (!buf_ok(b))
		ctl_say("memory is short");
	else if (b->len > 0 && fwrite(b->data, 1, b->len, stdout) != b->len)
		ctl_say("cannot write to standard output");
	else
		written = true;
	buf_clear(b);
	return written;
}
