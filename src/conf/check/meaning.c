/* conf/check/meaning.c - warns of what means nothing in a hook: types, paths and values that none
 * of its sender's events has. */
#include "known.h"

#include <string.h>

/* ---- templates ---- */

/* Where a template is, and whose events it is rendered with. */
struct place {
	const struct conf_section *section;
	const struct conf_events *events;
	const char *key;
};

/* "{entity.id}", "$entity.id", "entity.id": a path without its {{}}, which stays as it is. */
static bool is_bare_path(const char *text, const struct sender *sender)
{
	const char *roots[] = {"hookd", "failure", sender->shape.entity};

	text += strspn(text, "{$%<= (");
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t len = strlen(roots[i]);

		if (strncmp(text, roots[i], len) == 0 && text[len] == '.' &&
			strcspn(text, "/@ ,;:") >= strcspn(text, "}"))
			return true;
	}
	return false;
}

/* v.node may be NULL: it is not in the file, but of hookd. */
static void check_template(
	const struct conf_value *v, const struct conf_events *events, const struct template *t)
{
	const struct path *path;
	char quoted[CONF_QUOTED];
	bool replaced;

	if (t == NULL || v->node == NULL)
		return;
	if (template_is_constant(t) && !conf_value_has_environment(v) &&
		is_bare_path(template_text(t), sender_default()))
		conf_warn(v, "%s stays as it is: expected {{…}} around a path",
			conf_value_quote(v, quoted));
	for (size_t i = 0; (path = template_path(t, i, &replaced)) != NULL; i++)
		conf_know_path(v, v->node->at, events, path, replaced);
}

static void check_one(const struct place *p, const struct template *t)
{
	const struct conf_value v = conf_section_value(p->section, p->key, 0);

	check_template(&v, p->events, t);
}

/* `from`: the first one's position in its list. */
static void check_list(const struct place *p, const struct conf_templates *list, size_t from)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct conf_value v = conf_section_value(p->section, p->key, i + from);

		check_template(&v, p->events, list->list[i]);
	}
}

static void check_pairs(const struct place *p, const struct conf_pair *pairs, size_t count)
{
	const struct conf_node *node = conf_node_get(p->section->node, p->key);

	for (size_t i = 0; node != NULL && i < count && i < node->count; i++) {
		struct conf_value v = conf_section_value(p->section, p->key, 0);

		v.name = pairs[i].name;
		v.node = node->entries[i].value;
		check_template(&v, p->events, pairs[i].value);
	}
}

static void check_email(const struct conf_section *action, const struct conf_events *events,
	const struct conf_email *email)
{
	const struct conf_section section = conf_section_inner(action, "email");
	const char *body = conf_section_has(&section, "body") ? "body" : "body_file";
	const char *html = conf_section_has(&section, "html") ? "html" : "html_file";

	check_list(&(struct place){&section, events, "to"}, &email->to, 0);
	check_list(&(struct place){&section, events, "cc"}, &email->cc, 0);
	check_list(&(struct place){&section, events, "bcc"}, &email->bcc, 0);
	check_list(&(struct place){&section, events, "reply_to"}, &email->reply_to, 0);
	check_one(&(struct place){&section, events, "from"}, email->from);
	check_one(&(struct place){&section, events, "subject"}, email->subject);
	check_one(&(struct place){&section, events, body}, email->body);
	check_one(&(struct place){&section, events, html}, email->html);
}

static void check_drop(const struct conf_section *section, const struct conf_events *events,
	const struct conf_forward *forward)
{
	for (size_t i = 0; i < forward->drop_count; i++) {
		const struct conf_value v = conf_section_value(section, "drop", i);

		if (v.node != NULL)
			conf_know_path(&v, v.node->at, events, forward->drop[i], false);
	}
}

static void check_forward(const struct conf_section *action, const struct conf_events *events,
	const struct conf_forward *forward)
{
	const struct conf_section section = conf_section_inner(action, "forward");

	check_one(&(struct place){&section, events, "url"}, forward->url);
	check_pairs(&(struct place){&section, events, "headers"}, forward->headers,
		forward->header_count);
	check_drop(&section, events, forward);
}

static void check_action(const struct conf_section *section, const struct conf_events *events,
	const struct conf_action *action)
{
	if (section->node == NULL || section->node->kind != CONF_NODE_MAPPING)
		return;
	check_list(&(struct place){section, events, "run"}, &action->run, 1);
	check_pairs(&(struct place){section, events, "env"}, action->env, action->env_count);
	check_email(section, events, &action->email);
	check_forward(section, events, &action->forward);
}

/* ---- conditions ---- */

static void check_mapping(const struct conf_value *v, const struct conf_events *events,
	const struct conf_node *mapping);

/* What a path is compared with: each has to be a value that it can have. */
static void check_operands(const struct conf_value *v, const struct conf_events *events,
	const char *path, struct conf_node *node)
{
	struct conf_value item = *v;
	const char *text;

	for (size_t i = 0; node->kind == CONF_NODE_LIST && i < node->count; i++)
		check_operands(v, events, path, node->entries[i].value);
	if (node->kind != CONF_NODE_SCALAR)
		return;
	item.node = node;
	text = conf_value_text(&item);
	if (text != NULL && !(node->plain && strcmp(text, "null") == 0))
		conf_know_value(&item, events, path, text);
}

/* Operators that compare with a value as a whole. */
static bool is_equality(const char *op)
{
	static const char *const names[] = {"eq", "ne", "in", "not_in"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], op) == 0)
			return true;
	return false;
}

static bool is_presence(const char *op)
{
	return strcmp(op, "exists") == 0 || strcmp(op, "empty") == 0;
}

static void check_test(const struct conf_value *v, const struct conf_events *events,
	const struct conf_entry *entry)
{
	const struct conf_node *ops = entry->value->kind == CONF_NODE_MAPPING ? entry->value : NULL;
	struct fault fault;
	struct path *path = path_parse(entry->key, strlen(entry->key), &fault);
	bool optional = false;

	if (path == NULL)
		return;
	for (size_t i = 0; ops != NULL && i < ops->count; i++) {
		optional = optional || is_presence(ops->entries[i].key);
		if (is_equality(ops->entries[i].key))
			check_operands(v, events, entry->key, ops->entries[i].value);
	}
	if (ops == NULL)
		check_operands(v, events, entry->key, entry->value);
	conf_know_path(v, entry->at, events, path, optional);
	path_free(path);
}

static void check_entry(const struct conf_value *v, const struct conf_events *events,
	const struct conf_entry *entry)
{
	bool list = strcmp(entry->key, "all") == 0 || strcmp(entry->key, "any") == 0;

	if (list)
		for (size_t i = 0; i < entry->value->count; i++)
			check_mapping(v, events, entry->value->entries[i].value);
	else if (strcmp(entry->key, "not") == 0)
		check_mapping(v, events, entry->value);
	else
		check_test(v, events, entry);
}

/* What is not a condition has been refused. */
static void check_mapping(const struct conf_value *v, const struct conf_events *events,
	const struct conf_node *mapping)
{
	for (size_t i = 0; mapping->kind == CONF_NODE_MAPPING && i < mapping->count; i++)
		check_entry(v, events, &mapping->entries[i]);
}

/* ---- a hook ---- */

static void check_types(const struct conf_section *section, const char *key,
	const struct sender *sender, char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct conf_value v = conf_section_value(section, key, i);

		if (v.node != NULL)
			conf_know_type(&v, sender, types[i]);
	}
}

void conf_check_api_types(const struct conf_section *api, const struct conf_source *s)
{
	check_types(api, "types", s->sender, s->api.types, s->api.type_count);
}

void conf_check_meaning(const struct conf_section *section, const struct conf_hook *hook)
{
	const struct conf_section failure = conf_section_inner(section, "on_failure");
	struct conf_events events = {.reader = section->reader, .hook = hook};
	struct conf_value when = conf_section_value(section, "when", 0);

	check_types(section, "on", hook->source->sender, hook->on, hook->on_count);
	if (hook->when != NULL && when.node != NULL)
		check_mapping(&when, &events, when.node);
	events.facts = true;
	check_action(section, &events, &hook->own);
	events.failure = true;
	check_action(&failure, &events, &hook->own_failure);
}

void conf_check_failure_meaning(
	const struct conf_section *section, const struct conf_action *action)
{
	const struct conf_events events = {
		.reader = section->reader, .facts = true, .failure = true};

	check_action(section, &events, action);
}
