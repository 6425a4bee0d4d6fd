/* hookctl replay: runs deliveries again. */
#include "clock.h"
#include "ctl.h"
#include "poke.h"
#include "store_replay.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ASK_BEYOND 100 /* deliveries: more are not replayed by a slip */

static const struct ctl_option options[] = {
	{'s', "state", "STATE", "those that are done, dead or skipped"},
	{'k', "hook", "HOOK", "those of this hook"},
	{'t', "since", "TIME", "those that ended since: 2h, 3d, 2026-06-30T22:50:00Z"},
	{'n', "dry-run", NULL, "only say which"},
	{'y', "yes", NULL, "do not ask, however many there are"},
	{'j', "json", NULL, "one JSON object a line"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

struct found {
	int64_t delivery, event, made;
	enum delivery_state state;
	char *hook;
};

struct replay {
	struct store_replay_filter filter;
	const char *store;
	bool dry_run, yes, json;
	struct found *found;
	size_t count, capacity;
	bool failed; /* memory was short */
};

static bool read_state(struct replay *r, const char *text)
{
	static const enum delivery_state ended[] = {DELIVERY_DONE, DELIVERY_DEAD, DELIVERY_SKIPPED};

	for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
		if (strcasecmp(text, store_state_text(ended[i])) == 0) {
			r->filter.state = ended[i];
			r->filter.any_state = false;
			return true;
		}
	ctl_say("--state: expected done, dead or skipped; what still waits needs no replay");
	return false;
}

static bool read_since(struct replay *r, const char *text)
{
	int64_t ago;

	if (clock_parse(text, strlen(text), &r->filter.since))
		return true;
	if (!ctl_duration("--since", text, &ago))
		return false;
	r->filter.since = clock_wall() - ago;
	return true;
}

static bool read_options(struct ctl *ctl, int argc, char **argv, struct replay *r, int *status)
{
	bool good = true;
	int key;

	while (good && (key = ctl_next_option(ctl, &ctl_replay, argc, argv, status)) >= 0) {
		switch (key) {
		case 's':
			good = read_state(r, optarg);
			break;
		case 'k':
			r->filter.hook = optarg;
			break;
		case 't':
			good = read_since(r, optarg);
			break;
		case 'n':
			r->dry_run = true;
			break;
		case 'y':
			r->yes = true;
			break;
		case 'j':
			r->json = true;
			break;
		case 'D':
			r->store = optarg;
			break;
		}
	}
	if (!good || key == CTL_STOP)
		return false;
	if (optind < argc || !r->filter.any_state || r->filter.hook != NULL || r->filter.since != 0)
		return true;
	ctl_say("replay: expected an EVENT's id, or at least one of --state, --hook and --since");
	return false;
}

static void seen(void *arg, const struct store_replayable *row)
{
	struct replay *r = arg;

	if (r->count == r->capacity) {
		size_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
		struct found *more = reallocarray(r->found, capacity, sizeof(*more));

		if (more == NULL) {
			r->failed = true;
			return;
		}
		r->found = more;
		r->capacity = capacity;
	}
	r->found[r->count] = (struct found){.delivery = row->delivery,
		.event = row->event,
		.state = row->state,
		.hook = strdup(row->hook)};
	r->failed |= r->found[r->count++].hook == NULL;
}

static void event_seen(void *arg, const struct store_event_row *row)
{
	(void)row;
	*(bool *)arg = true;
}

static bool find_of_event(
	struct replay *r, struct store_reader *reader, const char *id, char why[STORE_READ_WHY])
{
	bool there = false;

	if (!store_read_event(reader, r->filter.event, event_seen, &there, why))
		return false;
	if (!there)
		(void)snprintf(why, STORE_READ_WHY, "no event %.20s in the store", id);
	return there && store_replay_find(reader, &r->filter, seen, r, why);
}

static bool find(struct replay *r, struct store_reader *reader, int count, char **events,
	char why[STORE_READ_WHY])
{
	bool known = true;

	if (r->filter.hook != NULL && !store_replay_knows_hook(reader, r->filter.hook, &known, why))
		return false;
	if (!known) {
		(void)snprintf(why, STORE_READ_WHY,
			"no delivery was ever made for a hook of the "
			"name that --hook gives");
		return false;
	}
	if (count == 0)
		return store_replay_find(reader, &r->filter, seen, r, why);
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
	const struct found *a = left, *b = right;

	return a->delivery < b->delivery ? -1 : a->delivery > b->delivery;
}

/* In the order in which they were made, and each once, also if an EVENT was named twice. */
static void sort(struct replay *r)
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

static bool confirmed(const struct replay *r)
{
	char answer[8];

	if (r->dry_run || r->yes || r->count <= ASK_BEYOND)
		return true;
	if (isatty(STDIN_FILENO) != 1) {
		ctl_say("%zu deliveries would run again: to replay more than %d say --yes",
			r->count, ASK_BEYOND);
		return false;
	}
	fprintf(stderr, "Run %zu deliveries again? [y/N] ", r->count);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
		(strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0))
		return true;
	ctl_say("nothing was replayed");
	return false;
}

static void add_line(struct buf *out, const struct replay *r, const struct found *f)
{
	if (r->json) {
		buf_printf(out, "{\"replays\":%" PRId64 ",\"event\":%" PRId64 ",\"state\":\"%s\"",
			f->delivery, f->event, store_state_text(f->state));
		ctl_json_text(out, true, "hook", f->hook);
		if (f->made != 0)
			buf_printf(out, ",\"delivery\":%" PRId64 "}\n", f->made);
		else
			buf_add_text(out, ",\"delivery\":null}\n");
		return;
	}
	buf_printf(out, "event %" PRId64 "  ", f->event);
	buf_add_escaped(out, f->hook, strlen(f->hook), '\0');
	buf_printf(out, "  %s delivery %" PRId64, store_state_text(f->state), f->delivery);
	if (f->made != 0)
		buf_printf(out, " again as %" PRId64, f->made);
	else if (!r->dry_run)
		buf_add_text(out, " was replayed by somebody else meanwhile");
	buf_add_char(out, '\n');
}

static bool print(const struct replay *r, size_t from, size_t count)
{
	struct buf out = {0};
	bool good;

	for (size_t i = from; i < from + count; i++)
		add_line(&out, r, &r->found[i]);
	good = ctl_put(&out);
	buf_free(&out);
	return good;
}

/* Makes and tells of up to STORE_REPLAY_MAX; what was told is in the store. */
static bool replay_some(struct replay *r, struct store_editor *e, size_t from, size_t count)
{
	int64_t deliveries[STORE_REPLAY_MAX], made[STORE_REPLAY_MAX];
	char why[STORE_READ_WHY];

	for (size_t i = 0; i < count; i++)
		deliveries[i] = r->found[from + i].delivery;
	if (!store_replay(e, deliveries, count, clock_wall(), made, why)) {
		ctl_say("%s", why);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		r->found[from + i].made = made[i];
	(void)poke_send(store_editor_path(e));
	return print(r, from, count);
}

static int replay_all(struct replay *r, const char *path)
{
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);
	size_t done = 0, made = 0;

	if (e == NULL) {
		ctl_say("%s", why);
		return CTL_FAILED;
	}
	while (done < r->count) {
		size_t count = r->count - done;

		if (count > STORE_REPLAY_MAX)
			count = STORE_REPLAY_MAX;
		if (!replay_some(r, e, done, count))
			break;
		done += count;
	}
	for (size_t i = 0; i < done; i++)
		made += r->found[i].made != 0;
	if (done < r->count)
		ctl_say("%zu of %zu were replayed; the same command goes on with the rest", made,
			r->count);
	else if (!poke_send(store_editor_path(e)))
		ctl_say("hookd does not listen: they run once it does");
	store_editor_close(e);
	return done == r->count && made > 0 ? CTL_OK : CTL_FAILED;
}

static int replay(struct ctl *ctl, struct replay *r, int count, char **events)
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
		ctl_say("nothing to replay: no such delivery that has ended and was not replayed "
			"before");
	} else {
		sort(r);
		if (!confirmed(r))
			status = CTL_USAGE;
		else if (r->dry_run)
			status = print(r, 0, r->count) ? CTL_OK : CTL_FAILED;
		else
			status = replay_all(r, path);
	}
	free(path);
	return status;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	struct replay r = {.filter.any_state = true};
	int status = CTL_USAGE;

	if (!read_options(ctl, argc, argv, &r, &status))
		return status;
	status = replay(ctl, &r, argc - optind, argv + optind);
	for (size_t i = 0; i < r.count; i++)
		free(r.found[i].hook);
	free(r.found);
	return status;
}

const struct ctl_command ctl_replay = {
	"replay",
	"[EVENT …] [--state STATE] [--hook HOOK] [--since TIME] [--dry-run] [--yes]",
	"run deliveries again, each as a new one",
	options,
	run,
};
