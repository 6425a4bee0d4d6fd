#include "change.h"

#include "base/clock.h"
#include "base/json.h"
#include "options.h"
#include "output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	ASK_BEYOND = 100, /* deliveries: changing more needs a confirmation */
	BATCH = 2500,     /* events in one request, whose line is 64 KiB at most */
};

/* ---- the request ---- */

/* NULL: reported. */
static json_t *read_events(int count, char **events)
{
	json_t *list = json_array();
	int64_t id;

	for (int i = 0; i < count; i++) {
		if (!ctl_number("EVENT", events[i], 1, INT64_MAX, &id)) {
			json_decref(list);
			return NULL;
		}
		(void)json_array_append_new(list, json_integer(id));
	}
	if (json_array_size(list) == (size_t)count)
		return list;
	ctl_error("out of memory");
	json_decref(list);
	return NULL;
}

static json_t *events_of_batch(const json_t *events, size_t batch)
{
	json_t *part = json_array();

	for (size_t i = batch * BATCH; i < json_array_size(events) && i < (batch + 1) * BATCH; i++)
		(void)json_array_append(part, json_array_get(events, i));
	return part;
}

/* New; NULL: out of memory. The change is bounded by what the dry run found. */
static json_t *make_request(
	const struct ctl_change *c, const json_t *events, size_t batch, bool dry_run)
{
	json_t *request = json_pack("{s:s}", "act", c->kind->act);

	if (json_array_size(events) > 0)
		ctl_ask_add(&request, "events", events_of_batch(events, batch));
	if (c->hook != NULL)
		ctl_ask_add(&request, "hook", json_safe_text(c->hook));
	if (c->state != NULL)
		ctl_ask_add(&request, "state", json_string(c->state));
	if (c->dead)
		ctl_ask_add(&request, "dead", json_true());
	if (c->since != 0)
		ctl_ask_add(&request, "since", json_integer(c->since));
	if (c->rate != 0)
		ctl_ask_add(&request, "rate", json_integer(c->rate));
	if (c->again)
		ctl_ask_add(&request, "again", json_true());
	if (dry_run) {
		ctl_ask_add(&request, "dry_run", json_true());
		return request;
	}
	ctl_ask_add(&request, "until", json_integer(c->batches[batch].last));
	ctl_ask_add(&request, "as_of", json_integer(c->batches[batch].as_of));
	return request;
}

/* ---- what is printed ---- */

static void add_count(struct buf *out, const char *format, int64_t count)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the kind's, with one %lld */
	buf_printf(out, format, (long long)count);
#pragma GCC diagnostic pop
}

static void add_delivery(struct buf *out, const struct ctl_change *c, const struct ctl_changed *f)
{
	if (c->json) {
		buf_printf(out, "{\"event\":%" PRId64, f->event);
		ctl_json_text(out, true, "hook", f->hook);
		ctl_json_text(out, true, "state", f->state);
		buf_add_char(out, ',');
		c->kind->add_json(out, f);
		buf_add_text(out, "}\n");
		return;
	}
	buf_printf(out, "event %" PRId64 "  ", f->event);
	buf_add_escaped(out, f->hook, strlen(f->hook), '\0');
	buf_add_text(out, "  ");
	buf_add_escaped(out, f->state, strlen(f->state), '\0');
	buf_printf(out, " delivery %" PRId64, f->delivery);
	if (f->made != 0)
		c->kind->add_text(out, f);
	else if (!c->dry_run)
		buf_add_text(out, " was changed by someone else in the meantime");
	buf_add_char(out, '\n');
}

static bool print_delivery(void *arg, const json_t *row)
{
	struct ctl_change *c = arg;
	const struct ctl_changed f = {
		.delivery = ctl_answer_number(row, "delivery"),
		.event = ctl_answer_number(row, "event"),
		.made = ctl_answer_number(row, "made"),
		.state = ctl_answer_text(row, "state"),
		.hook = ctl_answer_text(row, "hook"),
	};
	struct buf out = {0};
	bool good;

	c->changed += f.made != 0;
	/* A line for each if they are few or for programs; otherwise a bar on a terminal. */
	if (!c->json && !c->dry_run && c->found > ASK_BEYOND)
		return true;
	add_delivery(&out, c, &f);
	good = ctl_print(&out);
	buf_free(&out);
	return good;
}

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct ctl_change *c = arg;

	(void)all;
	if (!c->json && c->found > ASK_BEYOND)
		ctl_progress(c->passed + done, c->found, "", c->began);
}

static bool print_summary(const struct ctl_change *c)
{
	struct buf line = {0};
	bool good;

	if (c->json || c->found <= ASK_BEYOND)
		return true;
	add_count(&line, c->kind->summary, c->changed);
	buf_add_char(&line, '\n');
	good = ctl_print(&line);
	buf_free(&line);
	return good;
}

/* What is done is done twice, unless the script or receiver knows the original key. */
static bool confirm_done(const struct ctl_change *c)
{
	char question[256];
	bool yes;

	if (c->yes || c->found_done == 0 || c->state != NULL)
		return true;
	(void)snprintf(question, sizeof(question),
		"%" PRId64 " of %" PRId64 " deliveries are done. Do them again, under new keys?",
		c->found_done, c->found);
	if (!ctl_interactive()) {
		ctl_error(
			"%" PRId64 " of %" PRId64
			" deliveries are done, and would be done again under new keys: that needs "
			"--state done or --yes (--state dead replays only the dead)",
			c->found_done, c->found);
		return false;
	}
	yes = ctl_confirm(question);
	if (!yes)
		ctl_error("nothing was changed");
	return yes;
}

static bool confirm_many(const struct ctl_change *c)
{
	struct buf question = {0};
	bool yes;

	if (c->yes || c->found <= ASK_BEYOND)
		return true;
	if (!ctl_interactive()) {
		ctl_error("this would change %" PRId64 " deliveries: more than %d need --yes",
			c->found, ASK_BEYOND);
		return false;
	}
	add_count(&question, c->kind->question, c->found);
	yes = buf_ok(&question) && ctl_confirm(question.data);
	if (!yes)
		ctl_error("nothing was changed");
	buf_free(&question);
	return yes;
}

/* ---- the two runs ---- */

static int find_batch(struct ctl_change *c, const json_t *events, size_t batch)
{
	struct ctl_batch *b = &c->batches[batch];
	int status = ctl_ask(&c->ask, make_request(c, events, batch, true));

	if (status != CTL_OK)
		return status;
	b->found = ctl_answer_number(c->ask.exchange.done, "found");
	b->last = ctl_answer_number(c->ask.exchange.done, "last");
	b->as_of = ctl_answer_number(c->ask.exchange.done, "as_of");
	c->found += b->found;
	c->found_done += ctl_answer_number(c->ask.exchange.done, "found_done");
	if (!ctl_ask_stopped(&c->ask))
		return CTL_OK;
	ctl_error("stopped; nothing was changed");
	return CTL_FAILED;
}

/* Only finds the deliveries; CTL_OK: there are some. */
static int find_deliveries(struct ctl_change *c, const json_t *events)
{
	int status = CTL_OK;

	c->ask.exchange.row = c->dry_run ? print_delivery : NULL;
	c->ask.exchange.progress = NULL;
	c->ask.only_reads = true;
	for (size_t i = 0; i < c->batch_count && status == CTL_OK; i++)
		status = find_batch(c, events, i);
	c->ask.only_reads = false;
	if (status != CTL_OK || c->found > 0)
		return status;
	ctl_error("%s", c->kind->nothing);
	return CTL_FAILED;
}

/* Reports what an act that came to no good end has changed. */
static int report_rest(const struct ctl_change *c, int status)
{
	if (c->ask.exchange.done != NULL)
		ctl_error("stopped after %" PRId64 " of %" PRId64
			  "; run the same command again for the rest",
			c->confirmed, c->found);
	else if (c->changed > 0) /* its end did not come */
		ctl_error("at least %" PRId64 " of %" PRId64
			  " were changed; run the same command again for the rest",
			c->changed, c->found);
	return status != CTL_OK ? status : CTL_FAILED;
}

static int change_deliveries(struct ctl_change *c, const json_t *events)
{
	c->began = clock_steady();
	c->ask.exchange.row = print_delivery;
	c->ask.exchange.progress = show_progress;
	for (size_t i = 0; i < c->batch_count; i++) {
		if (c->batches[i].found == 0)
			continue;
		int status = ctl_ask(&c->ask, make_request(c, events, i, false));
		if (c->ask.exchange.done != NULL)
			c->confirmed += ctl_answer_number(c->ask.exchange.done, "changed");
		if (status != CTL_OK || ctl_ask_stopped(&c->ask))
			return report_rest(c, status);
		c->passed += c->batches[i].found;
	}
	return print_summary(c) && c->changed > 0 ? CTL_OK : CTL_FAILED;
}

static int find_and_change(struct ctl_change *c, const json_t *events)
{
	size_t named = json_array_size(events);
	int status;

	c->batch_count = named > 0 ? (named + BATCH - 1) / BATCH : 1;
	c->batches = calloc(c->batch_count, sizeof(*c->batches));
	if (c->batches == NULL) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	status = find_deliveries(c, events);
	if (status != CTL_OK || c->dry_run)
		return status;
	return confirm_done(c) && confirm_many(c) ? change_deliveries(c, events) : CTL_USAGE;
}

void ctl_change_option(struct ctl_change *c, int key)
{
	switch (key) {
	case 'k':
		c->hook = optarg;
		break;
	case 'n':
		c->dry_run = true;
		break;
	case 'y':
		c->yes = true;
		break;
	case 'j':
		c->json = true;
		break;
	case 'D':
		c->store = optarg;
		break;
	}
}

int ctl_change_run(struct ctl *ctl, struct ctl_change *c, int count, char **events)
{
	json_t *list = read_events(count, events);
	int status = CTL_USAGE;

	if (list == NULL)
		return status;
	status = ctl_ask_begin(&c->ask, ctl, c->store);
	c->ask.exchange.arg = c;
	if (status == CTL_OK)
		status = find_and_change(c, list);
	ctl_ask_end(&c->ask);
	free(c->batches);
	json_decref(list);
	return status;
}
