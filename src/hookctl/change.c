#include "change.h"
#include "base/clock.h"
#include "store/poke.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
	ASK_BEYOND = 100,   /* deliveries: more are not changed by a slip */
	STEPS_A_SECOND = 4, /* with a rate */
};

static void seen(void *arg, const struct store_changeable *row)
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

struct there {
	bool there, damaged;
};

static void event_seen(void *arg, const struct store_event_row *row)
{
	*(struct there *)arg = (struct there){true, row->damaged};
}

static bool find_of_event(
	struct ctl_change *r, struct store_reader *reader, const char *id, char why[STORE_READ_WHY])
{
	struct there event = {0};

	if (!store_read_event(reader, r->filter.event, event_seen, &event, why))
		return false;
	if (!event.there) {
		(void)snprintf(why, STORE_READ_WHY, "no event %.20s in the store", id);
		return false;
	}
	if (event.damaged && r->kind->runs) {
		(void)snprintf(why, STORE_READ_WHY,
			"event %.20s: its payload is damaged; have it sent again first", id);
		return false;
	}
	return store_change_find(reader, &r->filter, seen, r, why);
}

static void hook_seen(void *arg, const char *hook)
{
	(void)hook;
	*(bool *)arg = true;
}

static bool find(struct ctl_change *r, struct store_reader *reader, int count, char **events,
	char why[STORE_READ_WHY])
{
	bool known = false;

	if (r->filter.hook != NULL) {
		if (!store_read_hooks(reader, r->filter.hook, hook_seen, &known, why))
			return false;
		if (!known) {
			(void)snprintf(why, STORE_READ_WHY,
				"the store knows no hook of the name that --hook gives");
			return false;
		}
	}
	if (count == 0)
		return store_change_find(reader, &r->filter, seen, r, why);
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

/* In the order in which they were made, and each once, also if an EVENT was named twice. */
static void sort(struct ctl_change *r)
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

static void ask(const struct ctl_change *r)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the kind's, with one %zu */
	fprintf(stderr, r->kind->question, r->count);
#pragma GCC diagnostic pop
	fputs(" [y/N] ", stderr);
}

static bool confirmed(const struct ctl_change *r)
{
	char answer[8];

	if (r->dry_run || r->yes || r->count <= ASK_BEYOND)
		return true;
	if (isatty(STDIN_FILENO) != 1) {
		ctl_say("that would be %zu deliveries: for more than %d say --yes", r->count,
			ASK_BEYOND);
		return false;
	}
	ask(r);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
		(strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0))
		return true;
	ctl_say("nothing was changed");
	return false;
}

static void add_line(struct buf *out, const struct ctl_change *r, const struct ctl_changed *f)
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
		buf_add_text(out, " was changed by somebody else meanwhile");
	buf_add_char(out, '\n');
}

static bool print(const struct ctl_change *r, size_t from, size_t count)
{
	struct buf out = {0};
	bool good;

	for (size_t i = from; i < from + count; i++)
		add_line(&out, r, &r->found[i]);
	good = ctl_put(&out);
	buf_free(&out);
	return good;
}

/* Lines for few or for programs; for many a bar, if somebody looks. */
static bool in_lines(const struct ctl_change *r)
{
	return r->json || r->dry_run || r->count <= ASK_BEYOND;
}

static void show_progress(const struct ctl_change *r, size_t done, int64_t began)
{
	if (!in_lines(r))
		ctl_progress((int64_t)done, (int64_t)r->count, "", began);
}

/* Changes and tells of up to STORE_CHANGE_MAX; what was told is in the store. */
static bool change_some(struct ctl_change *r, struct store_editor *e, size_t from, size_t count)
{
	int64_t deliveries[STORE_CHANGE_MAX], made[STORE_CHANGE_MAX];
	char why[STORE_READ_WHY];

	for (size_t i = 0; i < count; i++)
		deliveries[i] = r->found[from + i].delivery;
	if (!r->kind->apply(e, deliveries, count, clock_wall(), made, why)) {
		ctl_say("%s", why);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		r->found[from + i].made = made[i];
	(void)poke_send(store_editor_path(e));
	return !in_lines(r) || print(r, from, count);
}

/* How many at once: with a rate some of each second's. */
static size_t step(const struct ctl_change *r, size_t left)
{
	size_t step = STORE_CHANGE_MAX;

	if (r->rate > 0 && r->rate / STEPS_A_SECOND < STORE_CHANGE_MAX)
		step = r->rate > STEPS_A_SECOND ? (size_t)r->rate / STEPS_A_SECOND : 1;
	return left < step ? left : step;
}

static void keep_rate(const struct ctl_change *r, size_t done, int64_t began)
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

static size_t changed(const struct ctl_change *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->found[i].made != 0;
	return n;
}

static void say_summary(const struct ctl_change *r)
{
	if (in_lines(r))
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the kind's, with one %zu */
	printf(r->kind->summary, changed(r));
#pragma GCC diagnostic pop
	putchar('\n');
}

static int change_all(struct ctl_change *r, const char *path)
{
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);
	int64_t began = clock_steady();
	size_t done = 0, count;

	if (e == NULL) {
		ctl_say("%s", why);
		return CTL_FAILED;
	}
	for (; done < r->count; done += count) {
		count = step(r, r->count - done);
		if (!change_some(r, e, done, count))
			break;
		show_progress(r, done + count, began);
		keep_rate(r, done + count, began);
	}
	if (done < r->count)
		ctl_say("%zu of %zu are done; the same command goes on with the rest", changed(r),
			r->count);
	else
		say_summary(r);
	if (done == r->count && !poke_send(store_editor_path(e)))
		ctl_say("hookd does not listen: it sees to this when it starts");
	store_editor_close(e);
	return done == r->count && changed(r) > 0 ? CTL_OK : CTL_FAILED;
}

static int change(struct ctl *ctl, struct ctl_change *r, int count, char **events)
{
	char why[STORE_READ_WHY], *path;
	int status;
	struct store_reader *reader = ctl_store(ctl, r->store, &path, &status);
	bool good;

	if (reader == NULL)
		return status;
	good = find(r, reader, count, events, why);
	store_reader_close(reader);
	status = CTL_FAILED;
	if (!good && why[0] == '\0') {
		status = CTL_USAGE; /* said */
	} else if (!good || r->failed) {
		ctl_say("%s", good ? "memory is short" : why);
	} else if (r->count == 0) {
		ctl_say("%s", r->kind->nothing);
	} else {
		sort(r);
		if (!confirmed(r))
			status = CTL_USAGE;
		else if (r->dry_run)
			status = print(r, 0, r->count) ? CTL_OK : CTL_FAILED;
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
	int status = change(ctl, c, count, events);

	for (size_t i = 0; i < c->count; i++)
		free(c->found[i].hook);
	free(c->found);
	return status;
}
