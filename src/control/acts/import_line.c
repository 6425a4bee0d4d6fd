#include "import_line.h"

#include "base/clock.h"
#include "base/json.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 100000 /* of one line: a tree takes some 100 bytes for each */

/* Held while a line is parsed: however many imports run, one has parsed JSON in memory. */
static pthread_mutex_t parsing = PTHREAD_MUTEX_INITIALIZER;

void import_line_free(struct import_line *l)
{
	hook_match_free(&l->match);
	event_free(&l->event);
	json_decref(l->root);
	free(l->payload);
	free(l->text);
	*l = (struct import_line){0};
}

static bool explain(struct buf *why, const char *what)
{
	buf_add_text(why, what);
	return false;
}

static bool keep_text(struct import_line *l, const char *text, size_t len)
{
	l->text = malloc(len + 1);
	if (l->text == NULL)
		return false;
	memcpy(l->text, text, len);
	l->text[len] = '\0';
	return true;
}

/* Only an export's line may be longer than a payload. */
static bool check_size(
	const struct import_line *l, const struct conf *conf, size_t len, struct buf *why)
{
	if (len <= conf->limits.body || memmem(l->text, len, "\"payload", 8) != NULL)
		return true;
	buf_printf(why, "the payload has %zu bytes; limits.body is %zu", len, conf->limits.body);
	return false;
}

static bool parse_text(struct import_line *l, size_t len, struct buf *why)
{
	static const struct json_rules rules = {VALUES_MAX, false};
	struct json_wrong wrong;

	if (!json_read(l->text, len, &rules, &l->root, &wrong))
		return explain(why, "out of memory");
	if (l->root == NULL && wrong.what == json_too_many) {
		buf_printf(why, "the line has more than %d JSON values", VALUES_MAX);
		return false;
	}
	if (l->root == NULL) {
		buf_printf(why, "column %zu: %s", wrong.column, wrong.what);
		return false;
	}
	return json_is_object(l->root) || explain(why, "expected a JSON object");
}

/* Is the body a member of the line, and not the line itself? */
static bool is_exported(const struct import_line *l)
{
	return json_object_get(l->root, "payload") != NULL ||
	       json_object_get(l->root, "payload_base64") != NULL;
}

static void explain_source(struct buf *why, const char *name)
{
	if (name == NULL) {
		buf_add_text(
			why, "the line names no source; expected \"source\", or --source NAME");
		return;
	}
	buf_add_text(why, "the config has no source \"");
	buf_add_escaped(why, name, strlen(name), '"');
	buf_add_char(why, '"');
}

static const struct conf_source *find_source(const struct import_line *l, const struct conf *conf,
	const char *otherwise, struct buf *why)
{
	const json_t *named = is_exported(l) ? json_object_get(l->root, "source") : NULL;
	const char *name = json_is_string(named) ? json_string_value(named) : otherwise;

	for (size_t i = 0; i < conf->source_count; i++)
		if (name != NULL ? strcmp(conf->sources[i].name, name) == 0
				 : conf->source_count == 1)
			return &conf->sources[i];
	explain_source(why, name);
	return NULL;
}

/* The body: the line's "payload" or "payload_base64", or the line itself. */
static bool find_body(struct import_line *l, const char **body, size_t *len, struct buf *why)
{
	const json_t *text = json_object_get(l->root, "payload");
	const json_t *base64 = json_object_get(l->root, "payload_base64");
	size_t room;

	if (json_is_string(text)) {
		*body = json_string_value(text);
		*len = json_string_length(text);
		return true;
	}
	if (!json_is_string(base64))
		return true; /* the line */
	room = json_string_length(base64);
	l->payload = malloc(room + 1);
	if (l->payload == NULL)
		return explain(why, "out of memory");
	if (sodium_base642bin((unsigned char *)l->payload, room, json_string_value(base64), room,
		    NULL, len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return explain(why, "payload_base64: expected base64");
	*body = l->payload;
	return true;
}

/* One id in an export is the webhook's, unless the export says that it had a state key all the
 * same; one that the API has returned is not. */
static bool has_state_key(const struct import_line *l, bool exported)
{
	return !exported || json_is_string(json_object_get(l->root, "state_key"));
}

/* Takes from an export the facts that the body does not have: when the event was received, and a
 * type that a person gave it. False: out of memory. */
static bool take_exported(struct import_line *l, const struct event_shape *shape, int64_t now)
{
	const json_t *type = json_object_get(l->root, "type");
	const json_t *received = json_object_get(l->root, "received_at");

	if (json_is_string(received) &&
		(!clock_parse(json_string_value(received), json_string_length(received),
			 &l->event.received_at) ||
			l->event.received_at > now))
		l->event.received_at = now;
	if (l->event.quarantined == NULL || !json_is_string(type) ||
		json_string_length(type) == 0 || json_string_length(type) > EVENT_TYPE_MAX)
		return true;
	return event_set_type(&l->event, shape, json_string_value(type));
}

/* The event of that body. */
static bool read_event(struct import_line *l, const struct conf *conf,
	const struct conf_source *source, const char *body, size_t len, struct buf *why)
{
	const struct event_shape *shape = &source->sender->shape;
	bool exported = body != l->text;

	if (len > conf->limits.body) {
		buf_printf(why, "the payload has %zu bytes; limits.body is %zu", len,
			conf->limits.body);
		return false;
	}
	if (!event_parse(&l->event, shape, body, len))
		return explain(why, "out of memory");
	l->event.source = source->name;
	l->event.source_id = source->store_id;
	l->event.received_at = clock_wall();
	if (!exported && l->event.quarantined != NULL) {
		buf_printf(why, "expected a line of export --format ndjson, or an event: %s",
			l->event.quarantined);
		return false;
	}
	if ((exported && !take_exported(l, shape, l->event.received_at)) ||
		(has_state_key(l, exported) && !event_set_state_key(&l->event, shape)))
		return explain(why, "out of memory");
	return true;
}

/* A batch of lines waits for the store with their payloads only. */
static void drop_parsed(struct import_line *l, const char *body)
{
	bool in_root = body != l->text && body != l->payload;
	json_t *kept = in_root ? json_incref(json_object_get(l->root, "payload")) : NULL;

	event_drop_document(&l->event);
	json_decref(l->root);
	l->root = kept;
}

static bool parse_line(struct import_line *l, const struct conf *conf, const char *source,
	size_t len, struct buf *why)
{
	const struct conf_source *of;
	const char *body;
	size_t body_len = len;

	body = l->text;
	if (!parse_text(l, len, why) || (of = find_source(l, conf, source, why)) == NULL ||
		!find_body(l, &body, &body_len, why) ||
		!read_event(l, conf, of, body, body_len, why))
		return false;
	if (!hook_match_find(&l->match, of, &l->event))
		return explain(why, "out of memory");
	drop_parsed(l, body);
	return true;
}

bool import_line_read(struct import_line *l, const struct conf *conf, const char *source,
	const char *text, size_t len, struct buf *why)
{
	if (!keep_text(l, text, len))
		return explain(why, "out of memory");
	if (!check_size(l, conf, len, why))
		return false;
	(void)pthread_mutex_lock(&parsing);
	bool good = parse_line(l, conf, source, len, why);
	if (!good) { /* not later, beside another's parse */
		json_decref(l->root);
		l->root = NULL;
		event_drop_document(&l->event);
	}
	(void)pthread_mutex_unlock(&parsing);
	return good;
}
