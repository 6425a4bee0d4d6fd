#include "compose.h"

#include "base/json.h"

#include <string.h>

static void add_text_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	buf_add_json(out, value, strlen(value));
}

static void add_json_member(struct buf *out, const char *name, const json_t *value)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
	json_write(out, value, JSON_COMPACT);
}

/* The text of an object, with klass if it has none: "v1/transaction" for a row of klass
 * "v1/event". Its numbers keep their digits, as it is copied. */
static bool add_entity(const struct answer_event *row, struct buf *out)
{
	const char *own = json_string_value(json_object_get(row->raw, "klass"));
	const char *slash = own != NULL ? strchr(own, '/') : NULL;
	const char *inside = strchr(row->entity, '{') + 1;
	json_t *entity;

	if (!json_read(row->entity, strlen(row->entity), NULL, &entity, NULL))
		return false;
	buf_add_text(out, ",\"entity\":{");
	if (json_object_get(entity, "klass") == NULL && slash != NULL && row->object != NULL) {
		buf_printf(out, "\"klass\":\"%.*s/", (int)(slash - own), own);
		buf_add_escaped(out, row->object, strlen(row->object), '"');
		buf_printf(out, "\"%s", json_object_size(entity) > 0 ? "," : "");
	}
	buf_add_text(out, inside);
	json_decref(entity);
	return true;
}

bool compose_body(const struct answer_event *row, struct buf *out)
{
	if (row->unreadable) {
		json_write(out, row->raw, JSON_COMPACT);
		return buf_ok(out);
	}
	buf_add_char(out, '{');
	add_text_member(out, "name", row->type);
	if (row->object != NULL)
		add_text_member(out, "object", row->object);
	if (row->object_id != NULL)
		add_json_member(out, "object_id", row->object_id);
	if (row->account_id != NULL) {
		buf_add_text(out, ",\"account\":{\"id\":");
		json_write(out, row->account_id, JSON_COMPACT);
		buf_add_char(out, '}');
	}
	if (row->entity != NULL && !add_entity(row, out))
		return false;
	buf_add_char(out, '}');
	return buf_ok(out);
}

/* The body ends with the entity's and its own brace. */
static void append_members(
	struct buf *body, const json_t *entity, const json_t *more, const char *const *names)
{
	bool first = json_object_size(entity) == 0;

	while (body->len > 0 && body->data[body->len - 1] != '}')
		body->len--;
	body->len--;
	while (body->len > 0 && body->data[body->len - 1] != '}')
		body->len--;
	body->len--;
	for (size_t i = 0; names[i] != NULL; i++) {
		const json_t *value = json_object_get(more, names[i]);

		if (!json_is_object(value) || json_object_get(entity, names[i]) != NULL)
			continue;
		buf_printf(body, "%s\"%s\":", first ? "" : ",", names[i]);
		json_write(body, value, JSON_COMPACT);
		first = false;
	}
	buf_add_text(body, "}}");
}

bool compose_add(struct buf *body, const json_t *more, const char *const *names)
{
	json_t *root, *entity;

	if (!json_read(body->data, body->len, NULL, &root, NULL))
		return false;
	entity = json_object_get(root, "entity");
	if (json_is_object(entity))
		append_members(body, entity, more, names);
	json_decref(root);
	return buf_ok(body);
}
