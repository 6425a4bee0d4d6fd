#include "event.h"

#include "buf.h"
#include "clock.h"
#include "document.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A JSON text as bytes: it may hold NULs. */
struct text {
	const char *bytes; /* NULL: not there */
	size_t len;
};

static struct text text_of(const json_t *value)
{
	if (!json_is_string(value))
		return (struct text){0};
	return (struct text){json_string_value(value), json_string_length(value)};
}

/* Usable as a C string, in an environment variable for one. */
static bool is_plain(struct text t)
{
	return t.len > 0 && memchr(t.bytes, '\0', t.len) == NULL;
}

static bool printable(struct text t)
{
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

/* An id as text, whether it came as a number or as text; *out stays NULL when
 * there is none. False only when memory is short. */
static bool read_id(const json_t *value, char **out)
{
	struct text t = text_of(value);
	struct buf b = {0};

	if (json_is_integer(value))
		buf_printf(&b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (t.len == 0)
		return true;
	else if (t.len <= EVENT_ID_MAX && printable(t))
		buf_add(&b, t.bytes, t.len);
	else
		add_sha256(&b, "idhash:", t.bytes, t.len);
	*out = buf_take(&b);
	return *out != NULL;
}

/* "transaction", from "object", else from the entity's "klass": "v1/transaction",
 * else from the type's first word. */
static bool read_entity_kind(struct event *ev, const json_t *root, const json_t *entity)
{
	struct text t = text_of(json_object_get(root, "object"));

	if (!printable(t) || t.len > EVENT_TYPE_MAX) {
		const char *slash;

		t = text_of(json_object_get(entity, "klass"));
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

static void read_occurred_at(struct event *ev, const json_t *root, const json_t *entity)
{
	const json_t *const candidates[] = {
		json_object_get(root, "created_at"),
		json_object_get(entity, "updated_at"),
	};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		struct text t = text_of(candidates[i]);

		if (t.bytes != NULL && clock_parse(t.bytes, t.len, &ev->occurred_at))
			return;
	}
	ev->occurred_at = 0;
}

static bool has_printable_type(const struct event *ev)
{
	return ev->type != NULL && printable((struct text){ev->type, strlen(ev->type)});
}

static bool make_key(struct event *ev, const json_t *entity)
{
	struct text updated = text_of(json_object_get(entity, "updated_at"));
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

static bool read_fields(struct event *ev, const json_t *root, const json_t *entity)
{
	struct text type = text_of(json_object_get(root, "name"));
	json_t *entity_id = json_object_get(entity, "id");

	if (type.len == 0)
		type = text_of(json_object_get(root, "type"));
	if (type.len == 0) {
		ev->quarantined = json_is_object(root) ? "no type" : "not an object";
	} else if (!is_plain(type) || type.len > EVENT_TYPE_MAX) {
		ev->quarantined = "unusable type";
	} else {
		ev->type = copy(type);
		if (ev->type == NULL)
			return false;
	}
	if (!json_is_integer(entity_id) && text_of(entity_id).len == 0)
		entity_id = json_object_get(root, "object_id");
	if (!read_id(json_object_get(root, "id"), &ev->provider_event_id) ||
		!read_id(entity_id, &ev->entity_id) || !read_entity_kind(ev, root, entity))
		return false;
	/* Without a type the id is no sign of an event's identity: "id" may be anything's. */
	if (ev->quarantined != NULL) {
		free(ev->provider_event_id);
		ev->provider_event_id = NULL;
	}
	read_occurred_at(ev, root, entity);
	return true;
}

bool event_parse(struct event *ev, const void *body, size_t len)
{
	json_t *entity = NULL;
	bool ok;

	*ev = (struct event){.payload = body, .payload_len = len};
	ok = document_parse(body, len, &ev->document);
	if (ev->document == NULL)
		ev->quarantined = "not JSON";
	else
		ok = document_entity(ev->document, &entity) &&
		     read_fields(ev, ev->document, entity);
	ok = ok && make_key(ev, entity);
	if (!ok) {
		event_free(ev);
		*ev = (struct event){0};
	}
	return ok;
}

void event_drop_document(struct event *ev)
{
	json_decref(ev->document);
	ev->document = NULL;
}

void event_free(struct event *ev)
{
	json_decref(ev->document);
	free(ev->provider_event_id);
	free(ev->type);
	free(ev->entity_kind);
	free(ev->entity_id);
	free(ev->idempotency_key);
}
