/* event/document.c - parses bodies, unfolds their entities, adds hookd's facts about deliveries. */
#include "event/document.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "event/delivery.h"

#include <string.h>

static bool set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

/* Text from outside may not be UTF-8, which jansson requires. */
static json_t *text_of(const char *bytes, size_t len)
{
	json_t *value = json_stringn(bytes, len);
	struct buf b = {0};

	if (value != NULL || bytes == NULL)
		return value;
	buf_add_json(&b, bytes, len);
	if (!buf_ok(&b) || !json_read(b.data, b.len, NULL, &value, NULL))
		value = NULL;
	buf_free(&b);
	return value;
}

bool document_parse(const void *body, size_t len, json_t **out)
{
	return json_read(body, len, NULL, out, NULL);
}

/* Replaces a member that is the JSON text of an object with the object. False: out of memory. */
static bool unfold(json_t *parent, const char *key)
{
	const json_t *text = json_object_get(parent, key);
	json_t *inner = NULL;

	if (!json_is_string(text) || json_string_length(text) == 0)
		return true;
	if (!document_parse(json_string_value(text), json_string_length(text), &inner))
		return false;
	if (json_is_object(inner))
		return set(parent, key, inner);
	json_decref(inner);
	return true;
}

bool document_entity(json_t *root, json_t **out)
{
	json_t *entity;

	*out = NULL;
	if (!unfold(root, "entity"))
		return false;
	entity = json_object_get(root, "entity");
	if (!json_is_object(entity))
		return true;
	*out = entity;
	return unfold(entity, "metadata") && unfold(entity, "custom_metadata");
}

/* The seconds between the event and its arrival. */
static json_int_t lateness(const struct delivery_job *job)
{
	return job->received_at > job->occurred_at ? (job->received_at - job->occurred_at) / 1000
						   : 0;
}

static json_t *hookd_facts(const struct delivery_job *job, const char *hook)
{
	json_t *facts = json_object();
	char received[CLOCK_TEXT];

	clock_format(job->received_at, received);
	if (facts != NULL && set(facts, "event", json_integer(job->event)) &&
		set(facts, "type", text_of(job->type, strlen(job->type))) &&
		set(facts, "source", text_of(job->source, strlen(job->source))) &&
		set(facts, "hook", text_of(hook, strlen(hook))) &&
		set(facts, "delivery", json_integer(job->delivery)) &&
		set(facts, "attempt", json_integer(job->attempt)) &&
		set(facts, "idempotency_key",
			text_of(job->idempotency_key, strlen(job->idempotency_key))) &&
		set(facts, "received_at", json_string(received)) &&
		set(facts, "origin", json_string(job->origin != NULL ? job->origin : "manual")) &&
		(job->occurred_at == 0 || set(facts, "late", json_integer(lateness(job)))))
		return facts;
	json_decref(facts);
	return NULL;
}

static json_t *failure_facts(const struct delivery_failure *f)
{
	json_t *facts = json_object();

	if (facts != NULL && set(facts, "hook", text_of(f->hook, strlen(f->hook))) &&
		set(facts, "delivery", json_integer(f->delivery)) &&
		set(facts, "attempts", json_integer(f->attempts)) &&
		set(facts, "reason", text_of(f->reason, strlen(f->reason))) &&
		set(facts, "output", text_of(f->output != NULL ? f->output : "", f->output_len)))
		return facts;
	json_decref(facts);
	return NULL;
}

json_t *document_of_job(const struct delivery_job *job, const char *hook)
{
	json_t *root = NULL, *entity;

	if (!document_parse(job->payload, job->payload_len, &root))
		return NULL;
	if (!json_is_object(root)) { /* a person released it from quarantine */
		json_decref(root);
		root = json_object();
	}
	if (root != NULL && document_entity(root, &entity) &&
		set(root, "hookd", hookd_facts(job, hook)) &&
		(job->failure == NULL || set(root, "failure", failure_facts(job->failure))))
		return root;
	json_decref(root);
	return NULL;
}
