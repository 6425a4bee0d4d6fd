#include "config.h"

#include "base/log.h"
#include "control/act.h"
#include "notify.h"
#include "options.h"
#include "privilege.h"
#include "process_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void log_lines(enum log_level level, const struct buf *lines)
{
	char *copy = lines->len > 0 ? strdup(lines->data) : NULL;

	for (char *line = copy, *end; line != NULL && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		log_write(level, line, LOG_END);
	}
	free(copy);
}

/* Loads the config and logs its errors or warnings, which are added to `lines`, a line each. */
static struct conf *load_config(const char *file, struct buf *lines)
{
	struct conf *conf = conf_load(file, lines);

	if (conf != NULL)
		log_setup(conf->log_level, conf->log_format);
	log_lines(conf != NULL ? LOG_WARN : LOG_ERROR, lines);
	if (conf != NULL && !secret_all_locked())
		log_warn("not every secret could be locked in memory: it may get into swap",
			log_text("hint", "LimitMEMLOCK= in the unit"));
	return conf;
}

/* Each connection needs a descriptor, each script up to four while it starts, the control socket up
 * to a hundred. */
static void raise_descriptor_limit(const struct conf *conf)
{
	process_raise_descriptor_limit(
		conf->limits.connections + (size_t)4 * conf->limits.concurrency + 192);
}

static void report_orphan(void *arg, const char *hook, int64_t waiting)
{
	(void)arg;
	log_warn("deliveries wait for a hook that the config does not have", log_text("hook", hook),
		log_int("waiting", waiting),
		log_text("hint", "they run once a hook of that name exists again"));
}

void config_report_orphans(const struct hookd *h)
{
	const struct conf *conf = h->conf;
	int64_t *ids = calloc(conf->all_count + 1, sizeof(*ids));

	if (ids == NULL)
		return;
	for (size_t i = 0; i < conf->all_count; i++)
		ids[i] = conf->all[i]->store_id;
	store_orphans(h->store, ids, conf->all_count, report_orphan, NULL);
	free(ids);
}

int config_start(struct hookd *h)
{
	struct buf lines = {0};

	h->conf = load_config(h->config, &lines);
	buf_free(&lines);
	if (h->conf == NULL || !privilege_check(h->conf)) {
		conf_unref(h->conf);
		notify_send("STATUS=the config has errors\nERRNO=%d", EINVAL);
		return EXIT_CONFIG;
	}
	/* Before any thread reads it; to change it hookd must be restarted. */
	if (h->conf->timezone != NULL && setenv("TZ", h->conf->timezone, 1) != 0)
		return EXIT_FAILURE;
	tzset();
	raise_descriptor_limit(h->conf);
	privilege_drop(h->conf);
	return -1;
}

/* ---- reload ---- */

static bool apply_config(struct hookd *h, struct conf *next, struct buf *lines)
{
	struct buf restart = {0};

	if (!act_name_config(h->store, next) || !listener_reload(h->listener, next))
		return false;
	dispatcher_reload(h->dispatcher, next);
	reporter_reload(h->reporter, next);
	catchup_reload(h->catchup, next);
	if (h->control != NULL)
		control_reload(h->control, next);
	store_configure(h->store, next->store.retention, next->limits.backlog);
	log_setup(next->log_level, next->log_format);
	conf_restart_keys(h->conf, next, &restart);
	if (restart.len > 0) {
		log_warn(
			"reloaded, but some of it needs a restart", log_text("keys", restart.data));
		buf_printf(lines, "%s: warning: needs a restart: %s\n", h->config, restart.data);
	}
	buf_free(&restart);
	return true;
}

static bool replace_config(struct hookd *h, struct buf *lines)
{
	struct conf *next = load_config(h->config, lines);

	if (next == NULL || !privilege_check(next) || !apply_config(h, next, lines)) {
		conf_unref(next);
		return false;
	}
	conf_unref(h->conf);
	h->conf = next;
	raise_descriptor_limit(next);
	config_report_orphans(h);
	privilege_report_dropped(next);
	return true;
}

static void log_reload(const struct hookd *h, bool good, unsigned suppressed)
{
	const struct log_field more =
		suppressed > 0 ? log_int("suppressed", suppressed) : log_text("", NULL);

	if (good)
		log_info("config reloaded", log_text("file", h->config),
			log_int("sources", (int64_t)h->conf->source_count),
			log_int("hooks", (int64_t)h->conf->hook_count), more);
	else
		log_error("reload refused: the config stays as it was", log_text("file", h->config),
			more);
}

void config_reload(struct hookd *h)
{
	static struct log_limit limits[2]; /* of those refused, of good ones */
	struct buf lines = {0};
	unsigned suppressed;

	notify_reloading();
	bool good = replace_config(h, &lines);
	if (!good)
		log_setup(h->conf->log_level, h->conf->log_format);
	if (log_allowed(&limits[good], &suppressed))
		log_reload(h, good, suppressed);
	if (!good && lines.len == 0)
		buf_printf(&lines, "%s: the reason is in hookd's log\n", h->config);
	host_reload_ended(&h->host, good, &lines);
	buf_free(&lines);
}
