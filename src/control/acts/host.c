/* control/acts/host.c - what only a running hookd can do: reload the config, and say how it is. */
#include "act.h"
#include "base/json.h"

#include <string.h>

static bool has_host(struct act *a)
{
	if (a->context->host == NULL)
		(void)act_fail(a, "no hookd runs on this store");
	return a->context->host != NULL;
}

/* A fault for each line. */
static void send_lines(struct act *a, const struct buf *lines)
{
	const char *end;

	for (const char *line = lines->data; line != NULL && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		act_send_fault(a, json_pack("{s:s%}", "text", line, (size_t)(end - line)));
	}
}

static json_t *reload(struct act *a)
{
	struct buf lines = {0};

	if (!has_host(a))
		return NULL;
	bool good = a->context->host->reload(a->context->host->arg, &lines);
	send_lines(a, &lines);
	buf_free(&lines);
	return good ? json_object() : act_fail(a, "reload refused: the config stays as it was");
}

static void add_sources_with_api(const struct conf *conf, json_t *done)
{
	json_t *list = json_array();

	for (size_t i = 0; conf != NULL && i < conf->source_count; i++)
		if (conf->sources[i].api.key != NULL)
			(void)json_array_append_new(list, json_safe_text(conf->sources[i].name));
	(void)json_object_set_new(done, "api", list);
}

static json_t *status(struct act *a)
{
	json_t *done;

	if (!has_host(a))
		return NULL;
	done = json_object();
	if (done == NULL)
		return NULL;
	(void)json_object_set_new(done, "store", json_safe_text(a->context->store_path));
	if (a->context->conf != NULL)
		(void)json_object_set_new(
			done, "backlog", json_integer(a->context->conf->limits.backlog));
	add_sources_with_api(a->context->conf, done);
	a->context->host->status(a->context->host->arg, done);
	return done;
}

static const struct act_member no_members[] = {{0}};

const struct act_kind act_reload = {.name = "reload", .members = no_members, .run = reload};
const struct act_kind act_status = {
	.name = "status", .members = no_members, .unaudited = true, .run = status};
