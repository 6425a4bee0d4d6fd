/* hookctl quarantine: events that came with a good signature but without a type that
 * could be read. list, show, release, drop. */
#include "commands.h"

#include "base/clock.h"
#include "event/event.h"
#include "hookctl/config.h"
#include "hookctl/match.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/poke.h"
#include "store/quarantine.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct ctl_option options[] = {
	{'t', "type", "TYPE", "release: the type that the event should have had"},
	{'y', "yes", NULL, "drop: do not ask"},
	{'j', "json", NULL, "list, show: as JSON"},
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

static void event_seen(void *arg, const struct store_event_row *row)
{
	struct quarantine *q = arg;

	q->found = true;
	q->quarantined = row->quarantined != NULL;
	q->damaged = row->damaged;
	q->source = strdup(row->source);
	buf_add(&q->payload, row->payload, row->payload_len);
}

/* Reads the event, which must be in quarantine; opens the store to change it. */
static struct store_editor *open_at(struct ctl *ctl, struct quarantine *q, int *status)
{
	char why[STORE_READ_WHY] = "", *path;
	struct store_reader *reader = ctl_store_open(ctl, q->store, &path, status);
	struct store_editor *e = NULL;

	if (reader == NULL)
		return NULL;
	if (store_read_event(reader, q->id, event_seen, q, why)) {
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

static int finish(struct store_editor *e, const struct quarantine *q, bool good, bool done,
	const char *why, const char *what)
{
	if (!good)
		ctl_error("%s", why);
	else if (!done)
		ctl_error("event %" PRId64 " is not in quarantine any more", q->id);
	else
		printf("event %" PRId64 ": %s\n", q->id, what);
	if (good && done && !poke_send(store_editor_path(e)))
		ctl_error("hookd does not listen: it sees to this when it starts");
	return good && done ? CTL_OK : CTL_FAILED;
}

static int release_to(
	struct store_editor *e, struct quarantine *q, struct conf *conf, struct event *ev)
{
	const struct conf_source *source = ctl_config_source(conf, q->source);
	struct store_release r = {.event = q->id, .type = ev->type, .now = clock_wall()};
	char why[STORE_READ_WHY], what[96];
	struct ctl_match match;
	int status = CTL_FAILED;
	bool good, done;

	if (source == NULL)
		return status; /* said */
	if (ctl_match(&match, conf, source, ev)) {
		r.hooks = match.hooks;
		r.hook_count = match.count;
		r.entity_kind = ev->entity_kind;
		r.entity_id = ev->entity_id;
		r.declined = match.declined.data;
		good = store_release(e, &r, &done, why);
		(void)snprintf(what, sizeof(what), "released, %zu hook%s to run", r.hook_count,
			r.hook_count == 1 ? "" : "s");
		status = finish(e, q, good, done, why, what);
	}
	ctl_match_free(&match);
	return status;
}

static int release(struct ctl *ctl, struct quarantine *q)
{
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
	e = open_at(ctl, q, &status);
	if (e == NULL) {
		conf_unref(conf);
		return status == CTL_USAGE ? CTL_FAILED : status;
	}
	status = CTL_FAILED;
	if (q->damaged) {
		ctl_error_damaged(q->id);
	} else if (!buf_ok(&q->payload) ||
		   !event_parse(
			   &ev, q->payload.data != NULL ? q->payload.data : "", q->payload.len)) {
		ctl_error("out of memory");
	} else {
		free(ev.type);
		ev.type = strdup(q->type);
		ev.quarantined = NULL;
		if (ev.type != NULL)
			status = release_to(e, q, conf, &ev);
		event_free(&ev);
	}
	store_editor_close(e);
	conf_unref(conf);
	return status;
}

static bool confirmed(const struct quarantine *q)
{
	char answer[8];

	if (q->yes)
		return true;
	if (isatty(STDIN_FILENO) != 1) {
		ctl_error("drop: the event is gone for good; say --yes");
		return false;
	}
	fprintf(stderr, "Drop event %" PRId64 " for good? [y/N] ", q->id);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0);
}

static int drop(struct ctl *ctl, struct quarantine *q)
{
	char why[STORE_READ_WHY];
	struct store_editor *e;
	int status = CTL_FAILED;
	bool good, done;

	if (!confirmed(q))
		return CTL_USAGE;
	e = open_at(ctl, q, &status);
	if (e == NULL)
		return status;
	good = store_drop(e, q->id, &done, why);
	status = finish(e, q, good, done, why, "dropped");
	store_editor_close(e);
	return status;
}

/* The same as another command says. */
static int pass_on(
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
		return pass_on(ctl, &ctl_events, &q, only);
	if (argc - optind != 2 || (strcmp(verb, "show") != 0 && strcmp(verb, "release") != 0 &&
					  strcmp(verb, "drop") != 0)) {
		ctl_error("quarantine: expected list, show ID, release ID --type TYPE, or drop ID");
		return CTL_USAGE;
	}
	if (!ctl_number("ID", argv[optind + 1], 1, INT64_MAX, &q.id))
		return CTL_USAGE;
	if (strcmp(verb, "show") == 0)
		return pass_on(ctl, &ctl_show, &q, argv[optind + 1]);
	status = strcmp(verb, "drop") == 0 ? drop(ctl, &q) : release(ctl, &q);
	free(q.source);
	buf_free(&q.payload);
	return status;
}

const struct ctl_command ctl_quarantine = {
	"quarantine",
	"list | show ID | release ID --type TYPE | drop ID [--yes]",
	"what came without a readable type: look, give it one, or drop it",
	options,
	quarantine_command,
};
