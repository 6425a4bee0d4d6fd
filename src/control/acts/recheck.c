/* control/acts/recheck.c - judges the refused requests that are kept once more, each at the time it
 * came, by the secrets in force, and stores those that are authentic as events. Each of these is
 * removed from the refused ones in the transaction that stores it, or that finds it stored already:
 * so none becomes two events. The others stay. */
#include "act.h"
#include "base/clock.h"
#include "base/json.h"
#include "match.h"
#include "store/import.h"
#include "store/refused.h"
#include "store/report.h"
#include "verify/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH       50                /* events in one operation */
#define BATCH_BYTES ((size_t)4 << 20) /* … and so many bytes of their bodies, and one more */
#define NAME_BYTES  4096

/* One that is authentic. */
struct authentic {
	int64_t id, received_at; /* the request's */
	char *body;              /* the event's payload */
	struct event event;
	struct hook_match match;
};

struct recheck {
	struct act *act;
	const struct conf *conf;
	struct store_reader *reader;
	const char *source; /* NULL: all */
	int64_t now, after, last;
	struct authentic list[BATCH];
	size_t count, bytes;
	bool found, failed; /* by the last read; failed: out of memory */
	int64_t all, judged, stored, there, refused, to_run;
	const char *reason, *hint; /* of the last that stays refused; NULL: none does; not known */
};

/* ---- the proof ---- */

/* Finds a header in lines "NAME: VALUE". `context` is the row. */
static const char *header_of(void *context, const char *name, size_t *len)
{
	const struct store_refused_row *row = context;
	const char *p = row->headers, *end = p + row->headers_len;
	size_t n = strlen(name);

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (stop == NULL)
			return NULL;
		if ((size_t)(stop - p) >= n + 2 && strncasecmp(p, name, n) == 0 && p[n] == ':') {
			*len = (size_t)(stop - p) - n - 2;
			return p + n + 2;
		}
		p = stop + 1;
	}
	return NULL;
}

static enum verify_result judge(
	const struct conf_source *source, const struct store_refused_row *row)
{
	struct verify_detail detail;
	struct verify_request request = {
		.header = header_of,
		.context = (void *)(uintptr_t)row,
		.body = row->body,
		.body_len = row->body_len,
		.secrets = source->secrets,
		.secret_count = source->secret_count,
		.tolerance = source->tolerance,
		.now = row->received_at,
	};

	return verify_signature(&source->sender->proof, &request, &detail);
}

/* ---- a batch of events into the store ---- */

static void free_batch(struct recheck *re)
{
	for (size_t i = 0; i < re->count; i++) {
		hook_match_free(&re->list[i].match);
		event_free(&re->list[i].event);
		free(re->list[i].body);
	}
	re->count = 0;
	re->bytes = 0;
}

static void count_result(
	struct recheck *re, const struct authentic *a, const struct store_imported_event *e)
{
	if (e->result == STORE_IMPORT_NEW) {
		re->stored++;
		re->to_run += (int64_t)e->hook_count;
		return;
	}
	re->there++;
	if (e->result == STORE_IMPORT_CONFLICT)
		act_send_fault(re->act,
			json_pack("{s:I, s:s}", "request", (json_int_t)a->id, "text",
				"the store has this event with another body, which stays"));
}

static bool fail_full(struct recheck *re)
{
	(void)act_fail(re->act,
		"too many deliveries wait; limits.backlog is %u: run the command again when they "
		"are done; no event is stored twice",
		re->conf->limits.backlog);
	return false;
}

/* Slice by slice, unless it must stop. */
static bool store_events(struct recheck *re, struct store_imported_event *list)
{
	size_t done = 0;

	while (done < re->count && !act_stopped(re->act, 0)) {
		struct store_import op = {
			.op.kind = STORE_OP_IMPORT,
			.list = list + done,
			.count = re->count - done,
			.now = clock_wall(),
			.audit = &re->act->audit,
		};

		if (!act_write(re->act, &op.op))
			return false;
		for (size_t i = done; i < done + op.done; i++)
			count_result(re, &re->list[i], &list[i]);
		done += op.done;
		if (op.full)
			return fail_full(re);
	}
	return true;
}

static bool store_batch(struct recheck *re)
{
	struct store_imported_event list[BATCH];

	for (size_t i = 0; i < re->count; i++)
		list[i] = (struct store_imported_event){.event = &re->list[i].event,
			.hooks = re->list[i].match.hooks,
			.hook_count = re->list[i].match.count,
			.declined = re->list[i].match.declined.data,
			.refused = re->list[i].id,
			.refused_at = re->list[i].received_at};
	return store_events(re, list);
}

/* For a dry run. Of two requests with one event, both are counted. */
static bool count_batch(struct recheck *re)
{
	bool has;

	for (size_t i = 0; i < re->count; i++) {
		const struct authentic *a = &re->list[i];

		if (!store_report_has(re->reader, a->event.source, a->event.idempotency_key,
			    a->event.state_key, &has, re->act->why))
			return false;
		re->there += has;
		re->stored += !has;
		re->to_run += has ? 0 : (int64_t)a->match.count;
	}
	return true;
}

static bool end_batch(struct recheck *re)
{
	bool good = re->act->dry_run ? count_batch(re) : store_batch(re);

	free_batch(re);
	act_send_progress(re->act, re->judged, re->all);
	return good;
}

/* ---- the requests ---- */

static bool read_event(struct recheck *re, struct authentic *a, const struct conf_source *source,
	const struct store_refused_row *row)
{
	a->body = malloc(row->body_len + 1);
	if (a->body == NULL)
		return false;
	memcpy(a->body, row->body, row->body_len);
	a->body[row->body_len] = '\0';
	if (!event_parse(&a->event, &source->sender->shape, a->body, row->body_len))
		return false;
	a->event.source = source->name;
	a->event.source_id = source->store_id;
	a->event.received_at = re->now;
	(void)snprintf(a->event.remote, sizeof(a->event.remote), "%s", row->remote);
	if (!hook_match_find(&a->match, source, &a->event))
		return false;
	event_drop_document(&a->event);
	return true;
}

static void add_authentic(
	struct recheck *re, const struct conf_source *source, const struct store_refused_row *row)
{
	struct authentic *a = &re->list[re->count++];

	*a = (struct authentic){.id = row->id, .received_at = row->received_at};
	re->failed = !read_event(re, a, source, row);
	re->bytes += row->body_len;
}

static void take_request(void *arg, const struct store_refused_row *row)
{
	struct recheck *re = arg;
	const struct conf_source *source = conf_source_by_name(re->conf, row->source);
	enum verify_result result;

	re->found = row->id <= re->last;
	re->after = row->id;
	if (!re->found)
		return;
	re->judged++;
	result = source != NULL ? judge(source, row) : VERIFY_NO_MATCH;
	if (result == VERIFY_OK) {
		add_authentic(re, source, row);
		return;
	}
	re->refused++;
	re->reason = source != NULL ? verify_reason(result) : "the config has no such source";
	re->hint = source != NULL ? sender_hint(source->sender, re->reason, source->secrets,
					    source->secret_count)
				  : NULL;
}

static bool judge_requests(struct recheck *re)
{
	do {
		re->found = false;
		if (!store_refused_next(re->reader, re->source, re->now, re->after, take_request,
			    re, re->act->why))
			return false;
		if (re->failed) {
			(void)act_fail(re->act, "out of memory");
			return false;
		}
		if ((re->count == BATCH || re->bytes >= BATCH_BYTES) && !end_batch(re))
			return false;
	} while (re->found && !act_stopped(re->act, 0));
	return re->act->stopped || end_batch(re);
}

static void take_last(void *arg, const struct store_refused_row *row)
{
	*(int64_t *)arg = row->id;
}

/* Those that are there now: more may come all the time. */
static bool count_requests(struct recheck *re)
{
	return store_refused_list(
		       re->reader, re->source, re->now, 1, take_last, &re->last, re->act->why) &&
	       store_refused_count(re->reader, re->source, re->now, &re->all, re->act->why);
}

static json_t *answer(struct recheck *re)
{
	json_t *done = json_pack("{s:I, s:I, s:I, s:I, s:I}", "judged", (json_int_t)re->judged,
		"stored", (json_int_t)re->stored, "there", (json_int_t)re->there, "refused",
		(json_int_t)re->refused, "to_run", (json_int_t)re->to_run);

	if (done != NULL && re->reason != NULL)
		(void)json_object_set_new(done, "reason", json_safe_text(re->reason));
	if (done != NULL && re->hint != NULL)
		(void)json_object_set_new(done, "hint", json_string(re->hint));
	return done;
}

static json_t *recheck_by_conf(struct act *a, const struct conf *conf)
{
	struct recheck *re = calloc(1, sizeof(*re));
	json_t *done = NULL;

	if (re == NULL)
		return NULL;
	re->act = a;
	re->conf = conf;
	re->source = act_text(a, "source");
	re->now = clock_wall();
	re->reader = act_open_reader(a);
	if (re->reader != NULL && count_requests(re)) {
		a->cut = !judge_requests(re);
		done = answer(re);
	}
	free_batch(re);
	store_reader_close(re->reader);
	free(re);
	return done;
}

static json_t *recheck(struct act *a)
{
	const struct conf *conf = a->context->conf;
	const char *source = act_text(a, "source");

	if (conf == NULL)
		return act_fail(a, "recheck needs the config");
	if (source != NULL && conf_source_by_name(conf, source) == NULL)
		return act_fail(a, "the config has no source of that name");
	return recheck_by_conf(a, conf);
}

static const struct act_member members[] = {
	{"source", ACT_TEXT, 1, NAME_BYTES, false},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_recheck = {.name = "recheck", .members = members, .run = recheck};
