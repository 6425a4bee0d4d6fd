/* rule/render.c - a template with the values of an event in it. */
#include "parts.h"

#include <stdio.h>
#include <string.h>

/* `default` may still replace a missing value. */
static enum template_result apply_filters(
	const struct part *part, struct template_value *v, char why[TEMPLATE_WHY])
{
	for (size_t i = 0; i < part->step_count; i++) {
		const struct step *step = &part->steps[i];
		enum template_result result =
			template_filter_apply(step->filter, v, step->argument, step->len, why);

		if (result != TEMPLATE_OK)
			return result;
	}
	return template_value_to_text(v, why);
}

/* The text of a template so far. */
struct rendering {
	const struct template *template;
	const json_t *document;
	enum template_missing missing;
	struct buf *out;
	char *why; /* TEMPLATE_WHY bytes */
	struct address_reader address;
	/* of a URL: where the segment of its path begins, and the first value in it */
	struct url_reader url;
	size_t segment;
	const struct path *value;
};

static enum template_result refuse_value(
	const struct rendering *r, const struct path *path, const char *what)
{
	(void)snprintf(r->why, TEMPLATE_WHY, "%.120s %s", path_text(path), what);
	return TEMPLATE_FAULT;
}

/* A value must not remove a segment of the path: a receiver would take the URL for another. */
static enum template_result end_segment(struct rendering *r)
{
	const struct path *value = r->value;
	const char *at, *end;
	size_t from = r->segment;

	r->value = NULL;
	r->segment = r->out->len + 1;
	if (value == NULL || r->out->len == 0 || !buf_ok(r->out))
		return TEMPLATE_OK;
	at = r->out->data + from;
	end = r->out->data + r->out->len;
	if (at == end)
		return refuse_value(r, value, "is empty");
	/* by raw, a value may have several segments, or a query */
	for (; at < end && *at != '?' && *at != '#'; at++) {
		size_t len = strcspn(at, "/?#");

		if (len > 0 && url_segment_is_empty(at, len))
			return refuse_value(r, value,
				"makes a segment . or .. of the path, which would change it");
		at += len;
		if (at >= end || *at != '/')
			break;
	}
	return TEMPLATE_OK;
}

static enum template_result add_url_literal(struct rendering *r, const struct part *part)
{
	enum template_result result = TEMPLATE_OK;

	for (size_t i = 0; i < part->len && result == TEMPLATE_OK; i++) {
		char c = part->literal[i];
		bool ends = c == '/' || c == '?' || c == '#';

		url_read(&r->url, c);
		if (ends)
			result = end_segment(r);
		buf_add_char(r->out, c);
	}
	return result;
}

static void add_address_literal(struct rendering *r, const struct part *part)
{
	for (size_t i = 0; i < part->len; i++) {
		char c = part->literal[i];

		buf_add_char(r->out, address_read(&r->address, c) ? '\n' : c);
	}
}

static enum template_result add_literal(struct rendering *r, const struct part *part)
{
	if (r->template->kind == TEMPLATE_URL)
		return add_url_literal(r, part);
	if (r->template->kind == TEMPLATE_ADDRESSES)
		add_address_literal(r, part);
	else
		buf_add(r->out, part->literal, part->len);
	return TEMPLATE_OK;
}

/* Appends a value as its place needs it. */
static enum template_result add_value(
	struct rendering *r, const struct part *part, const struct template_value *v)
{
	const char *fault = place_add(r->out, part->place, v->form, v->text.data, v->text.len);

	url_value(&r->url);
	if (part->place == PLACE_URL_PATH && r->value == NULL)
		r->value = part->path;
	return fault == NULL ? TEMPLATE_OK : refuse_value(r, part->path, fault);
}

static enum template_result render_expression(struct rendering *r, const struct part *part)
{
	struct template_value v = {.path = part->path, .root = r->document};
	enum template_result result;

	v.json = path_find(part->path, r->document);
	result = apply_filters(part, &v, r->why);
	if (result == TEMPLATE_OK && v.is_text)
		result = buf_ok(&v.text) ? add_value(r, part, &v) : TEMPLATE_NO_MEMORY;
	else if (result == TEMPLATE_OK && r->missing == TEMPLATE_REFUSE)
		result = refuse_value(r, part->path, v.json == NULL ? "is missing" : "is null");
	buf_free(&v.text);
	return result;
}

enum template_result template_render(const struct template *t, const json_t *document,
	enum template_missing missing, struct buf *out, char why[TEMPLATE_WHY])
{
	struct rendering r = {.template = t,
		.document = document,
		.missing = missing,
		.out = out,
		.why = why,
		.segment = out->len};
	enum template_result result = TEMPLATE_OK;
	size_t before = out->len;

	why[0] = '\0';
	for (size_t i = 0; i < t->count && result == TEMPLATE_OK; i++) {
		const struct part *part = &t->parts[i];

		result =
			part->literal != NULL ? add_literal(&r, part) : render_expression(&r, part);
		if (result == TEMPLATE_OK &&
			(!buf_ok(out) || out->len - before > TEMPLATE_OUTPUT)) {
			(void)snprintf(why, TEMPLATE_WHY, "is too long, or out of memory");
			result = TEMPLATE_NO_MEMORY;
		}
	}
	return result == TEMPLATE_OK ? end_segment(&r) : result;
}
