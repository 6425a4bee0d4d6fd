#include "change.h"

#include "base/clock.h"
#include "config.h"
#include "options.h"
#include "output.h"
#include "store/notify.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	ASK_BEYOND = 100,   /* deliveries: changing more needs a confirmation */
	STEPS_A_SECOND = 4, /* with --rate */
};

static void collect_delivery(void *arg, const struct store_changeable *row)
{
	struct ctl_change *r = arg;

	if (r->count == r->capacity) {
		size_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
		struct ctl_changed *more = reallocarray(r->found, capacity, sizeof(*more));

		if (more == NULL) {
			r->failed = true;
			return;
		}
		r->found = more;
		r->capacity = capacity;
	}
	r->found[r->count] = (struct ctl_changed){.delivery = row->delivery,
		.event = row->event,
		.state = row->state,
		.hook = strdup(row->hook)};
	r->failed |= r->found[r->count++].hook == NULL;
}

struct event_state {
	bool found, damaged;
};

static void note_event(void *arg, const struct store_event_row *row)
{
	*(struct event_state *)arg = (struct event_state){true, row->damaged};
}

static bool find_of_event(
	struct ctl_change *r, struct store_reader *reader, const char *id, char why[STORE_READ_WHY])
{
	struct event_state event = {0};

	if (!store_read_event(reader, r->filter.event, note_event, &event, why))
		return false;
	if (!event.found) {
		(void)snprintf(why, STORE_READ_WHY, "the store has no event %.20s", id);
		return false;
	}
	if (event.damaged && r->kind->runs) {
		(void)snprintf(why, STORE_READ_WHY,
			"event %.20s: its payload is damaged; have the event sent again first", id);
		return false;
	}
	return store_change_find(reader, &r->filter, collect_delivery, r, why);
}

static void note_hook(void *arg, const char *hook)
{
	(void)hook;
	*(bool *)arg = true;
}

static bool find_deliveries(struct ctl_change *r, struct store_reader *reader, int count,
	char **events, char why[STORE_READ_WHY])
{
	bool known = false;

	if (r->filter.hook != NULL) {
		if (!store_read_hooks(reader, r->filter.hook, note_hook, &known, why))
			return false;
		if (!known) {
			(void)snprintf(why, STORE_READ_WHY,
				"--hook: the store knows no hook of that name");
			return false;
		}
	}
	if (count == 0)
		return store_change_find(reader, &r->filter, collect_delivery, r, why);
	for (int i = 0; i < count; i++) {
		if (!ctl_number("EVENT", events[i], 1, INT64_MAX, &r->filter.event)) {
			why[0] = '\0';
			return false;
		}
		if (!find_of_event(r, reader, events[i], why))
			return false;
	}
	return true;
}

static int by_delivery(const void *left, const void *right)
{
	const struct ctl_changed *a = left, *b = right;

	return a->delivery < b->delivery ? -1 : a->delivery > b->delivery;
}

/* Sorts them by age, each once, even if an EVENT was named twice. */
static void sort_and_unique(struct ctl_change *r)
{
	size_t kept = 0;

	if (r->count > 0)
		qsort(r->found, r->count, sizeof(*r->found), by_delivery);
	for (size_t i = 0; i < r->count; i++) {
		if (kept > 0 && r->found[kept - 1].delivery == r->found[i].delivery)
			free(r->found[i].hook);
		else
			r->found[kept++] = r->found[i];
	}
	r->count = kept;
}

static void add_count(struct buf *out, const char *format, size_t count)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the kind's, with one %zu */
	buf_printf(out, format, count);
#pragma GCC diagnostic pop
}

static bool confirm_many(const struct ctl_change *r)
{
	struct buf question = {0};
	bool yes;

	if (r->dry_run || r->yes || r->count <= ASK_BEYOND)
		return true;
	if (!ctl_interactive()) {
		ctl_error("this would change %zu deliveries: more than %d need --yes", r->count,
			ASK_BEYOND);
		return false;
	}
	add_count(&question, r->kind->question, r->count);
	yes = buf_ok(&question) && ctl_confirm(question.data);
	if (!yes)
		ctl_error("nothing was changed");
	buf_free(&question);
	return yes;
}

static void add_delivery(struct buf *out, const struct ctl_change *r, const struct ctl_changed *f)
{
	if (r->json) {
		buf_printf(out, "{\"event\":%" PRId64, f->event);
		ctl_json_text(out, true, "hook", f->hook);
		ctl_json_text(out, true, "state", delivery_state_text(f->state));
		buf_add_char(out, ',');
		r->kind->add_json(out, f);
		buf_add_text(out, "}\n");
		return;
	}
	buf_printf(out, "event %" PRId64 "  ", f->event);
	buf_add_escaped(out, f->hook, strlen(f->hook), '\0');
	buf_printf(out, "  %s delivery %" PRId64, delivery_state_text(f->state), f->delivery);
	if (f->made != 0)
		r->kind->add_text(out, f);
	else if (!r->dry_run)
		buf_add_text(out, " was changed by someone else in the meantime");
	buf_add_char(out, '\n');
}

static bool print_deliveries(const struct ctl_change *r, size_t from, size_t count)
{
	struct buf out = {0};
	bool good;

	for (size_t i = from; i < from + count; i++)
		add_delivery(&out, r, &r->found[i]);
	good = ctl_print(&out);
	buf_free(&out);
	return good;
}

/* Prints a line for each if they are few or for programs; otherwise a bar on a terminal. */
static bool prints_lines(const struct ctl_change *r)
{
	return r->json || r->dry_run || r->count <= ASK_BEYOND;
}

static void show_progress(const struct ctl_change *r, size_t done, int64_t began)
{
	if (!prints_lines(r))
		ctl_progress((int64_t)done, (int64_t)r->count, "", began);
}

/* Changes up to STORE_CHANGE_MAX; prints only what the store has committed. */
static bool change_batch(struct ctl_change *r, struct store_editor *e, size_t from, size_t count)
{
	int64_t deliveries[STORE_CHANGE_MAX], made[STORE_CHANGE_MAX];
	char why[STORE_READ_WHY];

	for (size_t i = 0; i < count; i++)
		deliveries[i] = r->found[from + i].delivery;
	if (!r->kind->apply(e, deliveries, count, clock_wall(), made, why)) {
		ctl_error("%s", why);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		r->found[from + i].made = made[i];
	(void)store_notify_send(store_editor_path(e));
	return !prints_lines(r) || print_deliveries(r, from, count);
}

/* How many to change at once: with --rate a share of a second's. */
static size_t batch_size(const struct ctl_change *r, size_t left)
{
	size_t size = STORE_CHANGE_MAX;

	if (r->rate > 0 && r->rate / STEPS_A_SECOND < STORE_CHANGE_MAX)
		size = r->rate > STEPS_A_SECOND ? (size_t)r->rate / STEPS_A_SECOND : 1;
	return left < size ? left : size;
}

static void wait_for_rate(const struct ctl_change *r, size_t done, int64_t began)
{
	int64_t due = began, now = clock_steady();
	struct timespec wait;

	if (r->rate == 0 || done == r->count)
		return;
	due += (int64_t)done * 1000 / r->rate;
	if (due <= now)
		return;
	wait = (struct timespec){(due - now) / 1000, (due - now) % 1000 * 1000000};
	(void)nanosleep(&wait, NULL);
}

static size_t count_changed(const struct ctl_change *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->found[i].made != 0;
	return n;
}

static bool print_summary(const struct ctl_change *r)
{
	struct buf line = {0};
	bool good;

	if (prints_lines(r))
		return true;
	add_count(&line, r->kind->summary, count_changed(r));
	buf_add_char(&line, '\n');
	good = ctl_print(&line);
	buf_free(&line);
	return good;
}

/* Reports the outcome. False: not all were changed, or it could not be printed. */
static bool report_end(const struct ctl_change *r, const struct store_editor *e, size_t done)
{
	if (done < r->count) {
		ctl_error("stopped after %zu of %zu; run the same command again for the rest",
			count_changed(r), r->count);
		return false;
	}
	if (!print_summary(r))
		return false;
	if (!store_notify_send(store_editor_path(e)))
		ctl_error_not_notified();
	return count_changed(r) > 0;
}

static int change_all(struct ctl_change *r, const char *path)
{
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);
	int64_t began = clock_steady();
	size_t done = 0, count;
	bool good;

	if (e == NULL) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	for (; done < r->count; done += count) {
		count = batch_size(r, r->count - done);
		if (!change_batch(r, e, done, count))
			break;
		show_progress(r, done + count, began);
		wait_for_rate(r, done + count, began);
	}
	good = report_end(r, e, done);
	store_editor_close(e);
	return good ? CTL_OK : CTL_FAILED;
}

static int find_and_change(struct ctl *ctl, struct ctl_change *r, int count, char **events)
{
	char why[STORE_READ_WHY], *path;
	int status;
	struct store_reader *reader = ctl_store_open(ctl, r->store, &path, &status);
	bool good;

	if (reader == NULL)
		return status;
	good = find_deliveries(r, reader, count, events, why);
	store_reader_close(reader);
	status = CTL_FAILED;
	if (!good && why[0] == '\0') {
		status = CTL_USAGE; /* reported */
	} else if (!good || r->failed) {
		ctl_error("%s", good ? "out of memory" : why);
	} else if (r->count == 0) {
		ctl_error("%s", r->kind->nothing);
	} else {
		sort_and_unique(r);
		if (!confirm_many(r))
			status = CTL_USAGE;
		else if (r->dry_run)
			status = print_deliveries(r, 0, r->count) ? CTL_OK : CTL_FAILED;
		else
			status = change_all(r, path);
	}
	free(path);
	return status;
}

void ctl_change_option(struct ctl_change *c, int key)
{
	switch (key) {
	case 'k':
		c->filter.hook = optarg;
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
	int status = find_and_change(ctl, c, count, events);

	for (size_t i = 0; i < c->count; i++)
		free(c->found[i].hook);
	free(c->found);
	return status;
}
