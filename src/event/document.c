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
	if (!buf_ok(&b) ||
		!json_parse(b.data, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &value, NULL))
		value = NULL;
	buf_free(&b);
	return value;
}

bool document_parse(const void *body, size_t len, json_t **out)
{
	json_error_t error = {0};

	if (!json_parse(body, len, JSON_ALLOW_NUL, out, &error))
		return false;
	/* A number beyond 64 bits anywhere in the body must not quarantine a payment. */
	if (*out == NULL && json_error_code(&error) == json_error_numeric_overflow)
		return json_parse(body, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, out, &error);
	return true;
}

bool document_entity(json_t *root, json_t **out)
{
	json_t *entity = json_object_get(root, "entity");

	*out = json_is_object(entity) ? entity : NULL;
	if (!json_is_string(entity) || json_string_length(entity) == 0)
		return true;
	if (!document_parse(json_string_value(entity), json_string_length(entity), &entity))
		return false;
	if (!json_is_object(entity)) {
		json_decref(entity);
		return true;
	}
	*out = entity;
	return set(root, "entity", entity);
}

static json_t *hookd_facts(const struct delivery_job *job, const char *hook)
{
	json_t *facts = json_object();
	char received[CLOCK_TEXT];

	clock_format(job->received_at, received);
	if (facts != NULL && set(facts, "event", json_integer(job->event)) &&
		set(facts, "type", json_string(job->type)) &&
		set(facts, "source", json_string(job->source)) &&
		set(facts, "hook", json_string(hook)) &&
		set(facts, "delivery", json_integer(job->delivery)) &&
		set(facts, "attempt", json_integer(job->attempt)) &&
		set(facts, "idempotency_key", json_string(job->idempotency_key)) &&
		set(facts, "received_at", json_string(received)))
		return facts;
	json_decref(facts);
	return NULL;
}

static json_t *failure_facts(const struct delivery_failure *f)
{
	json_t *facts = json_object();

	if (facts != NULL && set(facts, "hook", json_string(f->hook)) &&
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
