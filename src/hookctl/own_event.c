#include "own_event.h"

#include "base/clock.h"
#include "config.h"
#include "output.h"
#include "reporter/alert.h"
#include "reporter/digest.h"
#include "reporter/silence.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define DAY INT64_C(86400000) /* ms */

bool ctl_own_event_of(const struct conf *conf, const struct conf_hook *hook)
{
	return hook == conf->digest_hook || hook == conf->silence_hook || hook == conf->alert_hook;
}

/* The store that the digest reads. *reader is NULL if there is none yet. */
static int open_store(const struct ctl *ctl, const struct conf *conf, struct store_reader **reader)
{
	struct stat st;
	char *name;
	int status;

	*reader = NULL;
	if (stat(conf->store.path, &st) != 0 && errno == ENOENT)
		return CTL_OK;
	*reader = ctl_store_open(ctl, conf->store.path, &name, &status);
	free(name);
	return *reader != NULL ? CTL_OK : status;
}

static int make_digest(const struct ctl *ctl, const struct conf *conf, struct buf *body)
{
	int64_t now = clock_wall(), died;
	const struct digest_scope day = {.from = now - DAY, .to = now};
	char why[STORE_READ_WHY];
	struct store_reader *reader;
	int status = open_store(ctl, conf, &reader);

	if (status != CTL_OK)
		return status;
	if (!digest_make(reader, conf, &day, body, &died, why)) {
		ctl_error("%s", why);
		status = CTL_FAILED;
	}
	store_reader_close(reader);
	return status;
}

static int make_silence(const struct conf *conf, struct buf *body)
{
	const struct conf_silence *silence = &conf->silence;
	const struct conf_source *source =
		silence->source_count > 0 ? silence->sources[0] : &conf->sources[0];
	int64_t now = clock_wall();
	const struct silence made_up = {
		.alarming = true, .last = now - silence->after, .days = SILENCE_DAYS};

	if (silence_body(source, &made_up, now, silence->after, body))
		return CTL_OK;
	ctl_error("out of memory");
	return CTL_FAILED;
}

static int make_alert(const struct conf *conf, struct buf *body)
{
	const struct conf_source *source = &conf->sources[0];
	int64_t now = clock_wall();
	const struct alert made_up = {.kind = ALERT_REFUSED,
		.name = source->name,
		.source = source,
		.since = now - ALERT_REFUSED_AFTER,
		.count = ALERT_REFUSED_LEAST,
		.reason = verify_reason(VERIFY_NO_MATCH)};

	if (alert_body(&made_up, false, now, body))
		return CTL_OK;
	ctl_error("out of memory");
	return CTL_FAILED;
}

int ctl_own_event_make(const struct ctl *ctl, const struct conf *conf, const struct conf_hook *hook,
	struct buf *body)
{
	if (hook == conf->alert_hook)
		return make_alert(conf, body);
	return hook == conf->digest_hook ? make_digest(ctl, conf, body) : make_silence(conf, body);
}
