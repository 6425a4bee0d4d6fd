/* control/run.c - the kinds of acts; checks a request against its kind's members, runs it, and
 * closes its line in the store's audit. */
#include "base/clock.h"
#include "base/json.h"
#include "control/acts/act.h"
#include "store/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SHOWN 64 /* bytes of a name that we do not know */

static const struct act_kind *const kinds[] = {&act_replay, &act_cancel, &act_pause, &act_resume,
	&act_release, &act_drop, &act_prune, &act_vacuum, &act_import, &act_recheck, &act_backup,
	&act_check, &act_reload, &act_status, &act_catch_up, &act_refresh, &act_check_api, NULL};

/* Of every request; hookd's socket has checked the first two. */
static const char *const common_members[] = {"hookd", "store", "act", NULL};

static const struct act_kind *find_kind(const char *name)
{
	for (size_t i = 0; name != NULL && kinds[i] != NULL; i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

static void explain_unknown_act(struct buf *why, const char *name)
{
	if (name != NULL) {
		buf_add_text(why, "unknown act \"");
		buf_add_escaped(why, name, strnlen(name, NAME_SHOWN), '"');
		buf_add_text(why, "\"; expected one of");
	} else {
		buf_add_text(why, "act: expected one of");
	}
	for (size_t i = 0; kinds[i] != NULL; i++)
		buf_printf(why, " %s", kinds[i]->name);
}

static bool is_common(const char *name)
{
	for (size_t i = 0; common_members[i] != NULL; i++)
		if (strcmp(common_members[i], name) == 0)
			return true;
	return false;
}

static const struct act_member *find_member(const struct act_kind *kind, const char *name)
{
	for (const struct act_member *m = kind->members; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static bool is_number(const struct act_member *m, const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= m->min &&
	       json_integer_value(value) <= m->max;
}

static bool is_text(const struct act_member *m, const json_t *value)
{
	return json_is_string(value) && json_string_length(value) > 0 &&
	       json_string_length(value) <= (size_t)m->max;
}

static bool is_list(const struct act_member *m, const json_t *list,
	bool (*is_good)(const struct act_member *m, const json_t *value))
{
	const json_t *value;
	size_t i;

	json_array_foreach(list, i, value)
	{
		if (!is_good(m, value))
			return false;
	}
	return json_is_array(list);
}

static bool is_good_value(const struct act_member *m, const json_t *value)
{
	switch (m->type) {
	case ACT_FLAG:
		return json_is_boolean(value);
	case ACT_NUMBER:
		return is_number(m, value);
	case ACT_TEXT:
		return is_text(m, value);
	case ACT_NUMBERS:
		return is_list(m, value, is_number);
	case ACT_TEXTS:
		return is_list(m, value, is_text);
	}
	return false;
}

static void explain_value(struct buf *why, const struct act_member *m)
{
	static const char *const what[] = {
		[ACT_FLAG] = "true or false",
		[ACT_NUMBER] = "a whole number",
		[ACT_TEXT] = "a text",
		[ACT_NUMBERS] = "a list of whole numbers",
		[ACT_TEXTS] = "a list of texts",
	};

	buf_printf(why, "%s: expected %s", m->name, what[m->type]);
	if (m->type == ACT_NUMBER || m->type == ACT_NUMBERS)
		buf_printf(why, ", %" PRId64 " to %" PRId64, m->min, m->max);
	else if (m->type != ACT_FLAG)
		buf_printf(why, " of 1 to %" PRId64 " bytes", m->max);
}

static void explain_unknown_member(struct buf *why, const struct act_kind *kind, const char *name)
{
	buf_add_text(why, "unknown member \"");
	buf_add_escaped(why, name, strnlen(name, NAME_SHOWN), '"');
	buf_printf(why, "\"; %s takes", kind->name);
	for (const struct act_member *m = kind->members; m->name != NULL; m++)
		buf_printf(why, " %s", m->name);
	if (kind->members->name == NULL)
		buf_add_text(why, " none");
}

static bool check_members(const struct act_kind *kind, const json_t *request, struct buf *why)
{
	const json_t *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)request, name, value)
	{
		const struct act_member *m = find_member(kind, name);

		if (m == NULL && !is_common(name))
			explain_unknown_member(why, kind, name);
		else if (m != NULL && !is_good_value(m, value))
			explain_value(why, m);
		if (why->len > 0)
			return false;
	}
	for (const struct act_member *m = kind->members; m->name != NULL && why->len == 0; m++)
		if (m->needed && json_object_get(request, m->name) == NULL)
			explain_value(why, m);
	return why->len == 0;
}

/* The request for the audit, without what only the connection needs. */
static char *audit_detail(const json_t *request)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)request);
	char *text;

	for (size_t i = 0; copy != NULL && common_members[i] != NULL; i++)
		(void)json_object_del(copy, common_members[i]);
	text = copy != NULL ? json_text(copy, JSON_COMPACT) : NULL;
	json_decref(copy);
	return text;
}

/* A failure to write it is not the act's, and is logged. */
static void end_audit(struct act *a, const char *result)
{
	struct store_note note = {
		.op.kind = STORE_OP_AUDIT,
		.audit = &a->audit,
		.result = result,
		.now = clock_wall(),
	};

	(void)store_wait(a->context->store, &note.op);
}

static json_t *answer_error(const char *why)
{
	return json_pack("{s:o}", "error", json_safe_text(why));
}

/* Takes the reference to `done`; NULL: it failed. */
static json_t *answer_end(struct act *a, const struct act_kind *kind, json_t *done)
{
	bool failed = done == NULL || a->cut;

	if (failed && a->why[0] == '\0')
		(void)act_fail(a, "out of memory");
	if (a->context->store != NULL && !kind->unaudited && !a->dry_run &&
		(!failed || a->audit.id != 0))
		end_audit(a, failed ? a->why : a->stopped ? "stopped" : "done");
	if (done == NULL)
		return answer_error(a->why);
	if (a->cut)
		(void)json_object_set_new(done, "error", json_safe_text(a->why));
	else if (a->stopped)
		(void)json_object_set_new(done, "stopped", json_true());
	return json_pack("{s:o}", "done", done);
}

static json_t *run_kind(const struct act_context *context, const struct act_kind *kind,
	const json_t *request, struct act_io *io)
{
	char *detail = audit_detail(request);
	struct act a = {.context = context,
		.request = request,
		.io = io,
		.dry_run = json_is_true(json_object_get(request, "dry_run")),
		.audit = {.at = clock_wall(),
			.uid = context->uid,
			.act = kind->name,
			.detail = detail}};
	json_t *answer = NULL;

	if (detail != NULL)
		answer = answer_end(&a, kind, kind->run(&a));
	free(detail);
	return answer;
}

json_t *act_run(const struct act_context *context, const json_t *request, struct act_io *io)
{
	const char *name = json_string_value(json_object_get(request, "act"));
	const struct act_kind *kind = find_kind(name);
	struct buf why = {0};
	json_t *answer;

	if (kind == NULL)
		explain_unknown_act(&why, name);
	if (kind != NULL && check_members(kind, request, &why))
		answer = run_kind(context, kind, request, io);
	else
		answer = buf_ok(&why) ? answer_error(why.data) : NULL;
	buf_free(&why);
	return answer;
}
