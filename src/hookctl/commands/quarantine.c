/* hookctl/commands/quarantine.c - events with a good signature whose type could not be read:
 * list and show print what `events --quarantined` and `show` print, release gives the event a
 * type, drop removes it. The last two print
 *   event 7: released, 2 hooks to run
 *   event 7: dropped */
#include "commands.h"

#include "base/clock.h"
#include "event/event.h"
#include "hookctl/config.h"
#include "hookctl/match.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/notify.h"
#include "store/quarantine.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'t', "type", "TYPE", "release: the type to give the event"},
	{'y', "yes", NULL, "drop: do not ask for confirmation"},
	{'j', "json", NULL, "list, show: print JSON"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

struct quarantine {
	const char *type;
	char *store;
	bool yes, json;
	int64_t id;
	/* the event */
	bool found, quarantined, damaged;
	char *source;
	struct buf payload;
};

static void keep_event(void *arg, const struct store_event_row *row)
{
	struct quarantine *q = arg;

	q->found = true;
	q->quarantined = row->quarantined != NULL;
	q->damaged = row->damaged;
	q->source = strdup(row->source);
	buf_add(&q->payload, row->payload, row->payload_len);
}

/* Reads the event, which must be in quarantine, and opens the store for changing it. */
static struct store_editor *open_for_change(struct ctl *ctl, struct quarantine *q, int *status)
{
	char why[STORE_READ_WHY] = "", *path;
	struct store_reader *reader = ctl_store_open(ctl, q->store, &path, status);
	struct store_editor *e = NULL;

	if (reader == NULL)
		return NULL;
	if (store_read_event(reader, q->id, keep_event, q, why)) {
		if (!q->found)
			ctl_error("no event %" PRId64 " in %s", q->id, path);
		else if (!q->quarantined)
			ctl_error("event %" PRId64 " is not in quarantine", q->id);
		else
			e = store_editor_open(path, why);
	}
	if (why[0] != '\0')
		ctl_error("%s", why);
	store_reader_close(reader);
	free(path);
	return e;
}

static int report_result(struct store_editor *e, const struct quarantine *q, bool good, bool done,
	const char *why, const char *what)
{
	if (!good)
		ctl_error("%s", why);
	else if (!done)
		ctl_error("event %" PRId64 " is no longer in quarantine", q->id);
	else
		printf("event %" PRId64 ": %s\n", q->id, what);
	if (good && done && !store_notify_send(store_editor_path(e)))
		ctl_error_not_notified();
	return good && done ? CTL_OK : CTL_FAILED;
}

static int release_as(struct store_editor *e, struct quarantine *q, struct conf *conf,
	const struct conf_source *source, struct event *ev)
{
	struct store_release r = {.event = q->id, .type = ev->type, .now = clock_wall()};
	char why[STORE_READ_WHY], what[96];
	struct ctl_match match;
	int status = CTL_FAILED;
	bool good, done;

	if (ctl_match(&match, conf, source, ev)) {
		r.hooks = match.hooks;
		r.hook_count = match.count;
		r.entity_kind = ev->entity_kind;
		r.entity_id = ev->entity_id;
		r.declined = match.declined.data;
		good = store_release(e, &r, &done, why);
		(void)snprintf(what, sizeof(what), "released, %zu hook%s to run", r.hook_count,
			r.hook_count == 1 ? "" : "s");
		status = report_result(e, q, good, done, why, what);
	}
	ctl_match_free(&match);
	return status;
}

static int release_event(struct ctl *ctl, struct quarantine *q)
{
	const struct conf_source *source;
	struct event ev;
	struct store_editor *e;
	struct conf *conf;
	int status = CTL_USAGE;

	if (q->type == NULL || *q->type == '\0' || strlen(q->type) > EVENT_TYPE_MAX) {
		ctl_error("release: expected --type TYPE, such as transaction.approved");
		return status;
	}
	conf = ctl_config_load(ctl);
	if (conf == NULL)
		return CTL_CONFIG;
	e = open_for_change(ctl, q, &status);
	if (e == NULL) {
		conf_unref(conf);
		return status == CTL_USAGE ? CTL_FAILED : status;
	}
	status = CTL_FAILED;
	if (q->damaged) {
		ctl_error_damaged(q->id);
	} else if ((source = ctl_config_source(conf, q->source)) == NULL) {
		; /* reported */
	} else if (!buf_ok(&q->payload) ||
		   !event_parse(&ev, &source->sender->shape,
			   q->payload.data != NULL ? q->payload.data : "", q->payload.len)) {
		ctl_error("out of memory");
	} else {
		free(ev.type);
		ev.type = strdup(q->type);
		ev.quarantined = NULL;
		if (ev.type != NULL)
			status = release_as(e, q, conf, source, &ev);
		event_free(&ev);
	}
	store_editor_close(e);
	conf_unref(conf);
	return status;
}

static bool confirm_drop(const struct quarantine *q)
{
	char question[64];

	if (q->yes)
		return true;
	if (!ctl_interactive()) {
		ctl_error("drop: this removes the event for good: it needs --yes");
		return false;
	}
	(void)snprintf(question, sizeof(question), "Drop event %" PRId64 " for good?", q->id);
	return ctl_confirm(question);
}

static int drop_event(struct ctl *ctl, struct quarantine *q)
{
	char why[STORE_READ_WHY];
	struct store_editor *e;
	int status = CTL_FAILED;
	bool good, done;

	if (!confirm_drop(q))
		return CTL_USAGE;
	e = open_for_change(ctl, q, &status);
	if (e == NULL)
		return status;
	good = store_drop(e, q->id, &done, why);
	status = report_result(e, q, good, done, why, "dropped");
	store_editor_close(e);
	return status;
}

/* Runs another command that prints this. */
static int run_other(
	struct ctl *ctl, const struct ctl_command *command, const struct quarantine *q, char *last)
{
	char name[16], json[] = "--json", store[] = "--store";
	char *argv[6] = {name};
	int argc = 1;

	(void)snprintf(name, sizeof(name), "%s", command->name);
	if (q->json)
		argv[argc++] = json;
	if (q->store != NULL) {
		argv[argc++] = store;
		argv[argc++] = q->store;
	}
	argv[argc++] = last;
	optind = 0;
	return command->run(ctl, argc, argv);
}

static int quarantine_command(struct ctl *ctl, int argc, char **argv)
{
	char only[] = "--quarantined";
	struct quarantine q = {0};
	const char *verb;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_quarantine, argc, argv, &status)) >= 0) {
		if (key == 't')
			q.type = optarg;
		else if (key == 'y')
			q.yes = true;
		else if (key == 'j')
			q.json = true;
		else
			q.store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	verb = optind < argc ? argv[optind] : "";
	if (strcmp(verb, "list") == 0 && argc - optind == 1)
		return run_other(ctl, &ctl_events, &q, only);
	if (argc - optind != 2 || (strcmp(verb, "show") != 0 && strcmp(verb, "release") != 0 &&
					  strcmp(verb, "drop") != 0)) {
		ctl_error("quarantine: expected list, show ID, release ID --type TYPE, or drop ID");
		return CTL_USAGE;
	}
	if (!ctl_number("ID", argv[optind + 1], 1, INT64_MAX, &q.id))
		return CTL_USAGE;
	if (strcmp(verb, "show") == 0)
		return run_other(ctl, &ctl_show, &q, argv[optind + 1]);
	status = strcmp(verb, "drop") == 0 ? drop_event(ctl, &q) : release_event(ctl, &q);
	free(q.source);
	buf_free(&q.payload);
	return status;
}

const struct ctl_command ctl_quarantine = {
	"quarantine",
	"list | show ID | release ID --type TYPE | drop ID [--yes]",
	"list events without a readable type, release them with one, or drop them",
	options,
	quarantine_command,
};
