/* hookctl/commands/test.c - prints what a hook would do with an event, and why. With --run it does
 * it, without the daemon, and changes nothing in the store. Prints
 *   ship-order with event 42
 *     on       yes  transaction.approved, the hook matches transaction.*
 *     when     yes  entity.amount is 5000
 *   would run (script)
 * then the action's preview or, with --run, its result and output. */
#include "commands.h"

#include "action/action.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/match.h"
#include "event/event.h"
#include "hookctl/config.h"
#include "hookctl/keys.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/own_event.h"
#include "hookctl/trial.h"
#include "sender/sender.h"

#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct ctl_option options[] = {
	{'e', "event", "ID", "with this event of the store"},
	{'t', "type", "TYPE", "with a made-up event of this type (the hook's first)"},
	{'a', "amount", "XOF", "the amount of the made-up event (5000)"},
	{'f', "file", "FILE", "with this body; - for standard input"},
	{'r', "run", NULL, "run the program, or send the mail or the request"},
	{'D', "store", "FILE", "the store that has the event (the config's)"},
	{0},
};

struct test {
	const char *type, *file, *store;
	int64_t event, amount;
	bool run, damaged;
	const struct conf *conf;
	const struct conf_hook *hook;
	struct buf body;
	char *source; /* the event's */
	struct event ev;
	struct buf out;
};

static bool read_test_options(struct ctl *ctl, int argc, char **argv, struct test *t, int *status)
{
	int key;

	while ((key = ctl_next_option(ctl, &ctl_test, argc, argv, status)) >= 0) {
		switch (key) {
		case 'e':
			if (!ctl_number("--event", optarg, 1, INT64_MAX, &t->event))
				return false;
			break;
		case 't':
			t->type = optarg;
			break;
		case 'a':
			if (!ctl_amount(optarg, INT32_MAX, &t->amount))
				return false;
			break;
		case 'f':
			t->file = optarg;
			break;
		case 'r':
			t->run = true;
			break;
		case 'D':
			t->store = optarg;
			break;
		}
	}
	if (key == CTL_STOP)
		return false;
	if ((t->event != 0) + (t->type != NULL) + (t->file != NULL) > 1) {
		ctl_error("test: only one of --event, --type and --file");
		return false;
	}
	if (t->amount != 0 && (t->event != 0 || t->file != NULL)) {
		ctl_error("test: --amount is for a made-up event");
		return false;
	}
	if (t->store != NULL && t->event == 0) {
		ctl_error("test: --store needs --event");
		return false;
	}
	return ctl_operands(&ctl_test, argc, 1, "the name of a HOOK in the config");
}

static const struct conf_hook *find_hook(const struct conf *conf, const char *name)
{
	struct buf line = {0};

	for (size_t i = 0; i < conf->all_count; i++)
		if (strcmp(conf->all[i]->name, name) == 0)
			return conf->all[i];
	buf_add_text(&line, "no hook \"");
	buf_add_escaped(&line, name, strlen(name), '"');
	buf_add_text(&line, conf->all_count > 0 ? "\"; the config has" : "\"; the config has none");
	for (size_t i = 0; i < conf->all_count; i++)
		buf_printf(&line, "%s %s", i > 0 ? "," : "", conf->all[i]->name);
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
	return NULL;
}

/* hookd's own events have one type each, and no amount. */
static bool has_fitting_event(const struct test *t)
{
	if (!ctl_own_event_of(t->conf, t->hook) || (t->type == NULL && t->amount == 0))
		return true;
	ctl_error("test: --type and --amount are not for %s, which gets events of hookd's own",
		t->hook->name);
	return false;
}

/* ---- the event ---- */

static void keep_event(void *arg, const struct store_event_row *row)
{
	struct test *t = arg;

	t->damaged = row->damaged;
	buf_add(&t->body, row->payload, row->payload_len);
	t->source = strdup(row->source);
}

static int read_stored(const struct ctl *ctl, struct test *t)
{
	char why[STORE_READ_WHY], *name;
	int status;
	struct store_reader *reader = ctl_store_open(ctl, t->store, &name, &status);

	if (reader == NULL)
		return status;
	status = CTL_FAILED;
	if (!store_read_event(reader, t->event, keep_event, t, why))
		ctl_error("%s", why);
	else if (t->source == NULL)
		ctl_error("no event %" PRId64 " in %s", t->event, name);
	else if (t->damaged)
		ctl_error_damaged(t->event);
	else
		status = CTL_OK;
	store_reader_close(reader);
	free(name);
	return status;
}

/* The first type that the hook names without a glob. */
static const char *type_for(const struct sender *sender, const struct conf_hook *hook)
{
	for (size_t i = 0; i < hook->on_count; i++)
		if (strpbrk(hook->on[i], "*?[\\") == NULL)
			return hook->on[i];
	return sender->sample_type;
}

static int make_event(const struct ctl *ctl, struct test *t)
{
	const struct sender *sender = t->hook->source->sender;
	struct sender_sample sample = {
		.type = t->type != NULL ? t->type : type_for(sender, t->hook),
		.amount = t->amount != 0 ? t->amount : sender->sample_amount,
		.now = clock_wall(),
	};

	if (ctl_own_event_of(t->conf, t->hook))
		return ctl_own_event_make(ctl, t->conf, t->hook, &t->body);
	if (sender->sample(&sample, &t->body))
		return CTL_OK;
	ctl_error("out of memory");
	return CTL_FAILED;
}

static int load_event(const struct ctl *ctl, struct test *t)
{
	int status = CTL_OK;

	if (t->event != 0)
		status = read_stored(ctl, t);
	else if (t->file != NULL)
		status = ctl_read_file(t->file, &t->body) ? CTL_OK : CTL_FAILED;
	else
		status = make_event(ctl, t);
	if (status != CTL_OK)
		return status;
	if (t->source == NULL)
		t->source = strdup(t->hook->source->name);
	if (t->source == NULL || !buf_ok(&t->body) ||
		!event_parse(&t->ev, &t->hook->source->sender->shape,
			t->body.data != NULL ? t->body.data : "", t->body.len)) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	return CTL_OK;
}

/* ---- does it match? ---- */

static void add_verdict(struct test *t, const char *key, bool good, const char *text)
{
	buf_printf(&t->out, "  %-8s %-4s ", key, good ? "yes" : "no");
	buf_add_escaped(&t->out, text, strlen(text), '\0');
	buf_add_char(&t->out, '\n');
}

static bool matches_type(struct test *t)
{
	struct buf text = {0};
	bool good = match_on(t->hook, t->ev.type);

	buf_printf(&text, "%s, the hook matches ", t->ev.type);
	for (size_t i = 0; i < t->hook->on_count; i++)
		buf_printf(&text, "%s%s", i > 0 ? ", " : "",
			conf_shown(t->conf, &t->hook->on[i], t->hook->on[i]));
	add_verdict(t, "on", good, text.data != NULL ? text.data : "");
	buf_free(&text);
	return good;
}

static bool matches_when(struct test *t)
{
	const json_t *document = NULL;
	struct buf text = {0};
	bool good;

	if (t->hook->when == NULL)
		return true;
	good = event_document(&t->ev, &document) && match_when(t->hook, document, &text);
	if (good)
		condition_explain(t->hook->when, &text);
	add_verdict(t, "when", good, text.data != NULL ? text.data : "");
	buf_free(&text);
	return good;
}

static bool matches_event(struct test *t)
{
	bool source = strcmp(t->source, t->hook->source->name) == 0;
	struct buf text = {0};

	if (t->hook->on_count == 0) /* derived: no event is matched with it */
		return true;
	if (t->ev.quarantined != NULL) {
		buf_printf(&text, "it would be quarantined: %s", t->ev.quarantined);
		add_verdict(t, "event", false, text.data != NULL ? text.data : "");
		buf_free(&text);
		return false;
	}
	if (!source) {
		buf_printf(&text, "%s, the hook matches events of %s", t->source,
			t->hook->source->name);
		add_verdict(t, "source", false, text.data != NULL ? text.data : "");
		buf_free(&text);
	}
	/* not `&&`: both verdicts are printed */
	bool type = matches_type(t);
	return matches_when(t) && type && source;
}

/* ---- what it would do, and doing it ---- */

/* Does the hook run when another one has given up? */
static bool is_of_failure(const struct test *t)
{
	return t->hook->on_count == 0 && !ctl_own_event_of(t->conf, t->hook);
}

static struct delivery_job *make_job(const struct test *t)
{
	struct delivery_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->event = t->event;
	job->attempt = 1;
	job->received_at = job->started_at = clock_wall();
	job->source = strdup(t->source);
	job->type = strdup(t->ev.type != NULL ? t->ev.type : "");
	/* a key of its own: no receiver may take this run for the delivery */
	if (asprintf(&job->idempotency_key, "%s/%s/%s/test-%08" PRIx32, t->source,
		    t->ev.idempotency_key, t->hook->name, randombytes_random()) < 0)
		job->idempotency_key = NULL;
	job->payload = malloc(t->body.len + 1);
	job->payload_len = t->body.len;
	if (job->payload != NULL && t->body.len > 0)
		memcpy(job->payload, t->body.data, t->body.len);
	if (job->source != NULL && job->type != NULL && job->idempotency_key != NULL &&
		job->payload != NULL && (!is_of_failure(t) || trial_add_failure(job)))
		return job;
	delivery_job_free(job);
	return NULL;
}

static int add_outcome(struct test *t, const struct attempt_outcome *o, int64_t took)
{
	buf_printf(&t->out, "  %s after %" PRId64 ".%03" PRId64 " s",
		attempt_result_text(o->result), took / 1000, took % 1000);
	if (o->exit_code >= 0)
		buf_printf(&t->out, ", exit %d", o->exit_code);
	if (o->status > 0)
		buf_printf(&t->out, ", status %d", o->status);
	if (o->message[0] != '\0') {
		buf_add_text(&t->out, ": ");
		buf_add_escaped(&t->out, o->message, strlen(o->message), '\0');
	}
	buf_add_char(&t->out, '\n');
	ctl_add_output(&t->out, "    | ", o->output, o->output_len);
	return o->result == ATTEMPT_OK ? CTL_OK : CTL_FAILED;
}

static int run_action(struct test *t, struct conf *conf, struct delivery_job *job)
{
	struct trial trial;
	int status;

	buf_add_text(&t->out, "running it\n");
	if (!ctl_print(&t->out)) {
		delivery_job_free(job);
		return CTL_FAILED;
	}
	if (!trial_run(&trial, conf, t->hook, job)) {
		ctl_error("cannot run it: out of memory or descriptors");
		return CTL_FAILED;
	}
	status = add_outcome(t, trial_outcome(&trial), trial.took);
	trial_end(&trial);
	return status;
}

static int test_hook(struct test *t, struct conf *conf)
{
	struct delivery_job *job;

	buf_printf(&t->out, "%s with ", t->hook->name);
	if (t->event != 0)
		buf_printf(&t->out, "event %" PRId64 "\n", t->event);
	else
		buf_printf(&t->out, "%s\n", t->file != NULL ? "that body" : "a made-up event");
	if (!matches_event(t)) {
		buf_add_text(&t->out, "would not run\n");
		return CTL_FAILED;
	}
	job = make_job(t);
	if (job == NULL) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	buf_printf(&t->out, "would run (%s)\n", action_name(conf, t->hook));
	if (!action_preview(conf, t->hook, job, &t->out)) {
		delivery_job_free(job);
		return CTL_FAILED;
	}
	if (t->run)
		return run_action(t, conf, job);
	delivery_job_free(job);
	buf_add_text(&t->out, "not done: --run does it\n");
	return CTL_OK;
}

static int test_command(struct ctl *ctl, int argc, char **argv)
{
	struct test t = {0};
	struct conf *conf;
	int status = CTL_USAGE;

	if (!read_test_options(ctl, argc, argv, &t, &status))
		return status;
	if (!ctl_text("HOOK", argv[optind]))
		return status;
	conf = ctl_config_load(ctl);
	if (conf == NULL)
		return CTL_CONFIG;
	if (conf->timezone != NULL)
		(void)setenv("TZ", conf->timezone, 1);
	tzset();
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT); /* the output of a program is printed at its end */
	t.conf = conf;
	t.hook = find_hook(conf, argv[optind]);
	status = t.hook != NULL && has_fitting_event(&t) ? load_event(ctl, &t) : CTL_USAGE;
	if (status == CTL_OK) {
		status = test_hook(&t, conf);
		if (!ctl_print(&t.out))
			status = CTL_FAILED;
	}
	event_free(&t.ev);
	buf_free(&t.body);
	buf_free(&t.out);
	free(t.source);
	conf_unref(conf);
	return status;
}

const struct ctl_command ctl_test = {
	"test",
	"HOOK [--event ID | --type TYPE | --file FILE] [--run]",
	"show what a hook would do with an event, and why; --run does it",
	options,
	test_command,
};
