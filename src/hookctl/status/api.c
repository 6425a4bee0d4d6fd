/* hookctl/status/api.c - of each source whose events are read back from its sender's API: how its
 * webhook is, how far the API was read, what was filled in today. */
#include "status.h"

#include "base/clock.h"
#include "hookctl/output.h"
#include "store/catchup.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* Unix ms of the last midnight, local time. */
static int64_t midnight(int64_t now)
{
	time_t seconds = now / 1000;
	struct tm day;

	if (localtime_r(&seconds, &day) == NULL)
		return now;
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	day.tm_isdst = -1;
	return (int64_t)mktime(&day) * 1000;
}

struct api {
	const char *source;
	struct store_catchup_state state;
	int64_t filled, last; /* today */
};

static void find_problems(struct ctl_status *s, const struct api *api)
{
	const struct store_catchup_state *state = &api->state;
	char span[CTL_SPAN];

	if (store_catchup_webhook_is_bad(state))
		ctl_status_attention(s, "%s: %s", api->source, state->webhook_text);
	if (state->failed_at == 0)
		return;
	ctl_span_format((s->now - state->failed_at) / 1000, span);
	ctl_status_attention(s, "events of %s are not read back since %s: %s", api->source, span,
		state->failure);
}

static void add_json(struct ctl_status *s, const struct api *api)
{
	const struct store_catchup_state *state = &api->state;

	buf_add_text(&s->json, s->rows > 0 ? ",{" : "{");
	ctl_json_text(&s->json, false, "source", api->source);
	ctl_json_known(&s->json, "webhook", state->webhook);
	ctl_json_known(&s->json, "webhook_text", state->webhook_text);
	ctl_json_id(&s->json, "webhook_id", state->webhook_id);
	ctl_json_time(&s->json, "webhook_checked_at", state->webhook_at);
	ctl_json_time(&s->json, "read_to", state->read_to);
	ctl_json_time(&s->json, "read_at", state->read_at);
	buf_printf(&s->json, ",\"filled_today\":%" PRId64, api->filled);
	ctl_json_time(&s->json, "filled_at", api->last);
	ctl_json_time(&s->json, "failing_since", state->failed_at);
	ctl_json_known(&s->json, "failure", state->failure);
	buf_add_char(&s->json, '}');
}

static void add_text(struct ctl_status *s, const struct api *api)
{
	const struct store_catchup_state *state = &api->state;
	char to[CLOCK_TEXT];

	if (s->rows == 0)
		buf_add_text(&s->out, "API\n");
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, api->source);
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, state->webhook_text[0] != '\0' ? state->webhook_text
							  : "the webhook is not known yet");
	if (state->read_to != 0) {
		clock_local(state->read_to, to);
		buf_printf(&s->out, "\n    read to %s, ", to);
		ctl_status_ago(s, state->read_to);
	} else {
		buf_add_text(&s->out, "\n    not read yet");
	}
	buf_printf(&s->out, "; %" PRId64 " event%s filled in today", api->filled,
		api->filled == 1 ? "" : "s");
	if (api->last != 0) {
		buf_add_text(&s->out, ", the last ");
		ctl_status_ago(s, api->last);
	}
	if (state->failed_at != 0) {
		buf_add_text(&s->out, "\n    ");
		ctl_status_text(s, state->failure);
	}
	buf_add_char(&s->out, '\n');
}

bool ctl_status_api(struct ctl_status *s, char why[STORE_READ_WHY])
{
	const json_t *name;
	size_t i;

	s->rows = 0;
	buf_add_text(&s->json, ",\"api\":[");
	json_array_foreach(json_object_get(s->hookd, "api"), i, name)
	{
		struct api api = {.source = json_string_value(name)};

		if (api.source == NULL)
			continue;
		if (!store_catchup_read(s->reader, api.source, &api.state, why) ||
			!store_catchup_filled(s->reader, api.source, midnight(s->now), INT64_MAX,
				&api.filled, &api.last, why))
			return false;
		find_problems(s, &api);
		if (s->is_json)
			add_json(s, &api);
		else
			add_text(s, &api);
		s->rows++;
	}
	buf_add_char(&s->json, ']');
	return true;
}
