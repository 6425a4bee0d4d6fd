/* event/event.c - reads id, type, entity and times of a body, and makes its idempotency key. */
#include "event/event.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "event/document.h"
#include "scan.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text as bytes: it may hold NULs. */
struct text {
	const char *bytes; /* NULL: missing */
	size_t len;
};

static struct text text_of(const struct event_value *value)
{
	if (value->number)
		return (struct text){0};
	return (struct text){value->bytes, value->len};
}

/* Usable as a C string, for example in an environment variable. */
static bool is_plain(struct text t)
{
	return t.len > 0 && memchr(t.bytes, '\0', t.len) == NULL;
}

static bool printable(struct text t)
{
	if (t.bytes == NULL)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (t.bytes[i] <= ' ' || t.bytes[i] > '~')
			return false;
	return t.len > 0;
}

static char *copy(struct text t)
{
	return t.bytes != NULL ? strndup(t.bytes, t.len) : NULL;
}

static bool add_sha256(struct buf *out, const char *prefix, const void *bytes, size_t len)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * crypto_hash_sha256_BYTES + 1];

	crypto_hash_sha256(hash, bytes, len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	buf_add_text(out, prefix);
	buf_add_text(out, hex);
	return buf_ok(out);
}

/* An id as text, whether it came as a number or as text; *out stays NULL if there is none.
 * False: out of memory. */
static bool read_id(const struct event_value *value, char **out)
{
	struct text t = text_of(value);
	struct buf b = {0};

	if (value->number)
		buf_add(&b, value->bytes, value->len);
	else if (t.len == 0)
		return true;
	else if (t.len <= EVENT_ID_MAX && printable(t))
		buf_add(&b, t.bytes, t.len);
	else
		add_sha256(&b, "idhash:", t.bytes, t.len);
	*out = buf_take(&b);
	return *out != NULL;
}

/* "transaction": as the body has it, else from the entity's class, else from the type's
 * first word. */
static bool read_entity_kind(struct event *ev, const struct event_fields *f)
{
	struct text t = text_of(&f->values[EVENT_FIELD_KIND]);

	if (!printable(t) || t.len > EVENT_TYPE_MAX) {
		const char *slash;

		t = text_of(&f->values[EVENT_FIELD_KIND_CLASS]);
		slash = t.bytes != NULL ? memrchr(t.bytes, '/', t.len) : NULL;
		if (slash != NULL) {
			t.len -= (size_t)(slash + 1 - t.bytes);
			t.bytes = slash + 1;
		}
	}
	if (!printable(t) || t.len > EVENT_TYPE_MAX) {
		const char *dot = ev->type != NULL ? strchr(ev->type, '.') : NULL;

		if (dot == NULL || dot == ev->type)
			return true;
		t = (struct text){ev->type, (size_t)(dot - ev->type)};
	}
	ev->entity_kind = copy(t);
	return ev->entity_kind != NULL;
}

static void read_occurred_at(struct event *ev, const struct event_fields *f)
{
	static const enum event_field candidates[] = {
		EVENT_FIELD_CREATED_AT, EVENT_FIELD_UPDATED_AT};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		struct text t = text_of(&f->values[candidates[i]]);

		if (t.bytes != NULL && clock_parse(t.bytes, t.len, &ev->occurred_at))
			return;
	}
	ev->occurred_at = 0;
}

static bool has_printable_type(const struct event *ev)
{
	return ev->type != NULL && printable((struct text){ev->type, strlen(ev->type)});
}

static bool make_key(struct event *ev, const struct event_fields *f)
{
	struct text updated = text_of(&f->values[EVENT_FIELD_UPDATED_AT]);
	struct buf b = {0};

	if (ev->provider_event_id != NULL) {
		buf_printf(&b, "id:%s", ev->provider_event_id);
	} else if (has_printable_type(ev) && ev->entity_id != NULL && printable(updated) &&
		   updated.len <= EVENT_ID_MAX) {
		buf_printf(&b, "entity:%s:%s:", ev->type, ev->entity_id);
		buf_add(&b, updated.bytes, updated.len);
	} else {
		add_sha256(&b, "sha256:", ev->payload, ev->payload_len);
	}
	ev->idempotency_key = buf_take(&b);
	return ev->idempotency_key != NULL;
}

/* When the entity came into the state that the type's last word names: "approved_at". */
static bool parse_moment(const struct event *ev, const struct event_fields *f, int64_t *ms)
{
	static const enum event_field otherwise[] = {
		EVENT_FIELD_UPDATED_AT, EVENT_FIELD_CREATED_AT};
	const char *dot = strrchr(ev->type, '.');
	char name[EVENT_TYPE_MAX + sizeof("_at")];
	int len = snprintf(name, sizeof(name), "%s_at", dot != NULL ? dot + 1 : ev->type);
	const struct event_moment *moment = event_fields_moment(f, name, (size_t)len);

	if (moment != NULL && moment->value.bytes != NULL &&
		clock_parse(moment->value.bytes, moment->value.len, ms))
		return true;
	for (size_t i = 0; i < sizeof(otherwise) / sizeof(otherwise[0]); i++) {
		struct text t = text_of(&f->values[otherwise[i]]);

		if (t.bytes != NULL && clock_parse(t.bytes, t.len, ms))
			return true;
	}
	return false;
}

static void find_moment(struct event *ev, const struct event_fields *f)
{
	ev->state_at = 0;
	if (ev->type != NULL && !parse_moment(ev, f, &ev->state_at))
		ev->state_at = 0;
}

static bool make_state_key(struct event *ev)
{
	struct buf b = {0};

	if (ev->entity_id == NULL || !has_printable_type(ev) || ev->state_at == 0)
		return true;
	buf_printf(&b, "state:%s:%s:%" PRId64, ev->type, ev->entity_id, ev->state_at);
	ev->state_key = buf_take(&b);
	return ev->state_key != NULL;
}

static bool read_fields(struct event *ev, const struct event_fields *f)
{
	struct text type = text_of(&f->values[EVENT_FIELD_TYPE]);
	const struct event_value *entity_id = &f->values[EVENT_FIELD_ENTITY_ID];

	if (type.len == 0)
		type = text_of(&f->values[EVENT_FIELD_TYPE_ELSE]);
	if (type.len == 0) {
		ev->quarantined = f->is_object ? "no type" : "not an object";
	} else if (!is_plain(type) || type.len > EVENT_TYPE_MAX) {
		ev->quarantined = "unusable type";
	} else {
		ev->type = copy(type);
		if (ev->type == NULL)
			return false;
	}
	if (entity_id->len == 0)
		entity_id = &f->values[EVENT_FIELD_ENTITY_ID_ELSE];
	if (!read_id(&f->values[EVENT_FIELD_ID], &ev->provider_event_id) ||
		!read_id(entity_id, &ev->entity_id) || !read_entity_kind(ev, f))
		return false;
	/* Without a type, "id" may be the id of anything, so it does not identify the event. */
	if (ev->quarantined != NULL) {
		free(ev->provider_event_id);
		ev->provider_event_id = NULL;
	}
	read_occurred_at(ev, f);
	find_moment(ev, f);
	return true;
}

/* Out of memory: *ev is empty. */
static bool fail(struct event *ev)
{
	event_free(ev);
	*ev = (struct event){0};
	return false;
}

static bool read_document(struct event *ev, struct json_wrong *wrong)
{
	json_t *entity;

	if (ev->parsed)
		return true;
	if (!json_read(ev->payload, ev->payload_len, NULL, &ev->document, wrong) ||
		!document_entity(ev->document, &entity))
		return false;
	ev->parsed = true;
	return true;
}

bool event_document(struct event *ev, const json_t **out)
{
	bool read = read_document(ev, NULL);

	*out = read ? ev->document : NULL;
	return read;
}

static bool quarantine_as_no_json(struct event *ev, const struct json_wrong *wrong)
{
	struct buf why = {0};

	buf_printf(&why, "not JSON: line %zu, column %zu: %s", wrong->line, wrong->column,
		wrong->what);
	ev->why = buf_take(&why);
	ev->quarantined = ev->why;
	return ev->why != NULL;
}

/* wrong->what is NULL, unless it is not JSON. */
static bool find_fields(struct event *ev, const struct event_shape *shape,
	struct event_fields *fields, struct json_wrong *wrong)
{
	*wrong = (struct json_wrong){0};
	if (event_scan(fields, shape, ev->payload, ev->payload_len))
		return true;
	if (!read_document(ev, wrong))
		return false;
	event_fields_of(fields, shape, ev->document);
	return true;
}

bool event_parse(struct event *ev, const struct event_shape *shape, const void *body, size_t len)
{
	struct event_fields fields;
	struct json_wrong wrong;

	*ev = (struct event){.payload = body, .payload_len = len};
	if (!find_fields(ev, shape, &fields, &wrong) ||
		(wrong.what != NULL && !quarantine_as_no_json(ev, &wrong)) ||
		(wrong.what == NULL && !read_fields(ev, &fields)) || !make_key(ev, &fields))
		return fail(ev);
	/* An id of its own says which event it is, whatever state it reports. */
	if (ev->provider_event_id == NULL && !make_state_key(ev))
		return fail(ev);
	return true;
}

bool event_set_state_key(struct event *ev, const struct event_shape *shape)
{
	struct event_fields fields;
	struct json_wrong wrong;

	if (ev->state_key != NULL)
		return true;
	if (!find_fields(ev, shape, &fields, &wrong))
		return false;
	find_moment(ev, &fields);
	return make_state_key(ev);
}

bool event_set_type(struct event *ev, const struct event_shape *shape, const char *type)
{
	free(ev->type);
	ev->type = strdup(type);
	ev->quarantined = NULL;
	return ev->type != NULL && event_set_state_key(ev, shape);
}

void event_drop_document(struct event *ev)
{
	json_decref(ev->document);
	ev->document = NULL;
	ev->parsed = false;
}

void event_free(struct event *ev)
{
	json_decref(ev->document);
	free(ev->provider_event_id);
	free(ev->type);
	free(ev->entity_kind);
	free(ev->entity_id);
	free(ev->idempotency_key);
	free(ev->state_key);
	free(ev->why);
}
