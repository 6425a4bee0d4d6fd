#include "parts.h"

#include "answer.h"
#include "base/json.h"
#include "base/log.h"
#include "compose.h"
#include "confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PARTS_MAX = 8,   /* names of parts, with the NULL at their end */
	FEW = 5,         /* entities that are asked for one by one */
	PAGES_VAIN = 3,  /* pages of a search without any that is wanted, behind some with */
	PAGES_MAX = 100, /* the usual window of a search index */
};

/* ---- paths ---- */

static const struct sender_api_entity *entity_row(const struct task *t, const struct event *ev)
{
	const struct sender_api_entity *e = t->source->sender->api->entities;

	while (e->kind != NULL &&
		(ev->entity_kind == NULL || strcmp(e->kind, ev->entity_kind) != 0))
		e++;
	return e->kind != NULL ? e : NULL;
}

#define PATH_MAX_LEN 160

/* The path of the event's entity. False: it has none. */
static bool entity_path(const struct task *t, const struct event *ev, char path[PATH_MAX_LEN])
{
	const struct sender_api_entity *e = entity_row(t, ev);

	if (e == NULL || !task_is_plain_id(ev->entity_id))
		return false;
	(void)snprintf(path, PATH_MAX_LEN, "%s%s", e->path, ev->entity_id);
	return true;
}

/* ---- what a body lacks ---- */

/* The entity of a body, borrowed from *root, which is new. NULL: there is none. */
static const json_t *entity_of(const struct buf *body, json_t **root)
{
	const json_t *entity = NULL;

	if (json_read(body->data, body->len, NULL, root, NULL))
		entity = json_object_get(*root, "entity");
	return json_is_object(entity) ? entity : NULL;
}

static bool lacks(const json_t *entity, const char *name)
{
	return entity != NULL && json_object_get(entity, name) == NULL;
}

static bool lacks_a_part(const struct task *t, const struct buf *body)
{
	json_t *root;
	const json_t *entity = entity_of(body, &root);
	bool found = false;

	for (const struct sender_api_part *p = t->source->sender->api->parts; p->name != NULL; p++)
		found = found || lacks(entity, p->name);
	json_decref(root);
	return found;
}

static void part_names(const struct task *t, const char *names[PARTS_MAX])
{
	const struct sender_api_part *parts = t->source->sender->api->parts;
	size_t i;

	for (i = 0; i < PARTS_MAX - 1 && parts[i].name != NULL; i++)
		names[i] = parts[i].name;
	names[i] = NULL;
}

/* ---- what is known already: a text for each path, "" for what is not there ---- */

/* Only the parts of an entity; the tree would take ten times the room of its text. */
static void remember_entity(struct task *t, const char *path, const json_t *entity)
{
	const char *names[PARTS_MAX];
	json_t *parts = json_object();
	char *text;

	part_names(t, names);
	for (size_t i = 0; names[i] != NULL; i++)
		if (json_is_object(json_object_get(entity, names[i])))
			(void)json_object_set(parts, names[i], json_object_get(entity, names[i]));
	text = json_object_size(parts) > 0 ? json_text(parts, JSON_COMPACT) : NULL;
	if (text != NULL)
		(void)json_object_set_new(t->known, path, json_string(text));
	free(text);
	json_decref(parts);
}

static void remember(struct task *t, const char *path, const json_t *object)
{
	char *text = object != NULL ? json_text(object, JSON_COMPACT) : NULL;

	if (object == NULL || text != NULL)
		(void)json_object_set_new(t->known, path, json_string(text != NULL ? text : ""));
	free(text);
}

void parts_forget(struct task *t)
{
	json_decref(t->known);
	json_decref(t->wanted);
	t->known = t->wanted = NULL;
}

/* ---- one by one ---- */

/* The object at a path, new, or NULL in *object if the API has none. Asks with the query, unless it
 * is known. */
static enum task_end read_object(
	struct task *t, const char *path, const char *query, json_t **object)
{
	const char *known = json_string_value(json_object_get(t->known, path));
	char asked[PATH_MAX_LEN + 80];
	struct client_answer answer;
	enum task_end end = TASK_WHOLE;

	*object = NULL;
	if (known != NULL)
		return known[0] == '\0' || json_read(known, strlen(known), NULL, object, NULL)
			       ? TASK_WHOLE
			       : TASK_LATER;
	(void)snprintf(asked, sizeof(asked), "%s%s%s", path, query[0] != '\0' ? "?" : "", query);
	task_get(t, asked, &answer);
	if (answer.result == CLIENT_MISSING || answer.result == CLIENT_REJECTED) {
		log_warn("the API does not show more of an event that is filled in",
			log_text("source", t->source->name), log_text("path", path),
			log_text("reason", answer.why));
		remember(t, path, NULL);
	} else if (answer.result != CLIENT_OK) {
		end = task_end_of(t, &answer);
	} else if (answer_read_object(answer.body.data != NULL ? answer.body.data : "",
			   answer.body.len, object) == ANSWER_OK) {
		remember(t, path, *object);
	}
	buf_free(&answer.body);
	return end;
}

static enum task_end add_object(struct task *t, json_t *object, const char *name, struct buf *body)
{
	const char *names[PARTS_MAX] = {name};

	if (name != NULL)
		object = json_pack("{s:O}", name, object);
	else
		part_names(t, names);
	if (object != NULL && compose_add(body, object, names)) {
		if (name != NULL)
			json_decref(object);
		return TASK_WHOLE;
	}
	task_note(t, "out of memory");
	return TASK_LATER;
}

/* One part by its id, from the entity's member that has it. */
static enum task_end add_part(struct task *t, const struct sender_api_part *part, struct buf *body)
{
	json_t *root, *object = NULL;
	const json_t *entity = entity_of(body, &root);
	const json_t *id = json_object_get(entity, part->id);
	enum task_end end = TASK_WHOLE;
	char path[96];

	if (lacks(entity, part->name) && json_is_integer(id)) {
		(void)snprintf(path, sizeof(path), "%s%" JSON_INTEGER_FORMAT, part->path,
			json_integer_value(id));
		end = read_object(t, path, "", &object);
		if (object != NULL)
			end = add_object(t, object, part->name, body);
	}
	json_decref(object);
	json_decref(root);
	return end;
}

static bool begin_knowing(struct task *t)
{
	if (t->known == NULL)
		t->known = json_object();
	if (t->known == NULL)
		task_note(t, "out of memory");
	return t->known != NULL;
}

enum task_end parts_complete(struct task *t, const struct event *ev, struct buf *body)
{
	const struct sender_api *api = t->source->sender->api;
	json_t *object = NULL;
	enum task_end end;
	char path[PATH_MAX_LEN];

	if (!begin_knowing(t))
		return TASK_LATER;
	if (!entity_path(t, ev, path) || !lacks_a_part(t, body))
		return TASK_WHOLE;
	end = read_object(t, path, api->include, &object);
	if (object != NULL)
		end = add_object(t, object, NULL, body);
	json_decref(object);
	for (size_t i = 0; end == TASK_WHOLE && api->parts[i].name != NULL; i++)
		if (api->parts[i].id != NULL)
			end = add_part(t, &api->parts[i], body);
	return end;
}

/* ---- many at once ---- */

void parts_want(struct task *t, const struct event *ev, const struct buf *body)
{
	char path[PATH_MAX_LEN];

	if (t->wanted == NULL)
		t->wanted = json_object();
	if (entity_path(t, ev, path) && lacks_a_part(t, body))
		(void)json_object_set_new(t->wanted, path, json_true());
}

/* The number of wanted entities on a page of a search. *rows: how many rows it has. */
static size_t take_entities(
	struct task *t, const struct sender_api_entity *e, const struct buf *page, size_t *rows)
{
	json_t *list = NULL, *row;
	char path[PATH_MAX_LEN];
	size_t i, taken = 0;

	*rows = 0;
	if (answer_read_objects(page->data != NULL ? page->data : "", page->len, &list) !=
		ANSWER_OK)
		return 0;
	*rows = json_array_size(list);
	json_array_foreach(list, i, row)
	{
		(void)snprintf(path, sizeof(path), "%s%" JSON_INTEGER_FORMAT, e->path,
			json_integer_value(json_object_get(row, "id")));
		if (json_object_del(t->wanted, path) != 0)
			continue;
		remember_entity(t, path, row);
		confirms_note(t->confirms, t, path, row);
		taken += json_object_get(t->known, path) != NULL;
	}
	json_decref(list);
	return taken;
}

/* How many of the wanted ones are below a path. */
static size_t count_below(const struct task *t, const char *path)
{
	const char *name;
	json_t *value;
	size_t count = 0;

	json_object_foreach(t->wanted, name, value) count += strncmp(name, path, strlen(path)) == 0;
	return count;
}

/* Until all are found, or it is in vain. */
static void search(struct task *t, const struct sender_api_entity *e)
{
	/* as long as asking one by one would take longer, the first may be far behind */
	size_t most = count_below(t, e->path), vain = 0, rows = 1, taken;

	for (unsigned page = 1;
		page <= PAGES_MAX && vain < most && rows > 0 && json_object_size(t->wanted) > 0;
		page++) {
		struct client_answer answer;
		char path[PATH_MAX_LEN + 80];

		(void)snprintf(path, sizeof(path), "%s&page=%u&per_page=%d&%s", e->search, page,
			SWEEP_PAGE, t->source->sender->api->include);
		task_get(t, path, &answer);
		rows = 0;
		taken = answer.result == CLIENT_OK ? take_entities(t, e, &answer.body, &rows) : 0;
		vain = taken > 0 ? 0 : vain + 1;
		if (taken > 0)
			most = PAGES_VAIN;
		buf_free(&answer.body);
	}
}

void parts_search(struct task *t)
{
	if (!begin_knowing(t))
		return;
	for (const struct sender_api_entity *e = t->source->sender->api->entities; e->kind != NULL;
		e++)
		if (e->search != NULL && count_below(t, e->path) > FEW)
			search(t, e);
	json_decref(t->wanted);
	t->wanted = NULL;
}
