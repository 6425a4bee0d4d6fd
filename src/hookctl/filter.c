#include "filter.h"

#include "options.h"
#include "output.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	LIMIT_MAX = 1000000,
	FOLLOW_EVERY = 200, /* ms between two checks whether the store has changed */
	FOLLOW_ANYWAY = 10, /* list each 10th time anyway, as a reopened reader misses a change */
};

static bool read_state(struct store_filter *f, const char *text)
{
	for (int i = DELIVERY_READY; i <= DELIVERY_SKIPPED; i++) {
		f->state = delivery_state_text((enum delivery_state)i);
		if (strcasecmp(text, f->state) == 0)
			return true;
	}
	ctl_error("--state: expected ready, running, done, dead or skipped");
	return false;
}

void ctl_entity_split(char *text, const char **kind, const char **id)
{
	char *colon = strchr(text, ':');

	*kind = NULL;
	*id = text;
	if (colon == NULL)
		return;
	*colon = '\0';
	*kind = text;
	*id = colon + 1;
}

bool ctl_filter_option(struct ctl_filter *o, int key)
{
	struct store_filter *f = &o->filter;

	switch (key) {
	case 'l':
		return ctl_number("--limit", optarg, 1, LIMIT_MAX, &o->limit);
	case 'p':
		o->paged = true;
		return ctl_number("--page", optarg, 1, LIMIT_MAX / CTL_LIMIT_DEFAULT, &o->page);
	case 'b':
		o->paged = true;
		return ctl_number("--before", optarg, 1, INT64_MAX, &f->before);
	case 'f':
		o->since = optarg;
		break;
	case 'u':
		o->until = optarg;
		break;
	case 'S':
		return read_state(f, optarg);
	case 'e':
		ctl_entity_split(optarg, &f->entity_kind, &f->entity_id);
		break;
	case 't':
		f->type = optarg;
		break;
	case 's':
		f->source = optarg;
		break;
	case 'k':
		f->hook = optarg;
		break;
	case 'o':
		f->origin = optarg;
		break;
	case 'x':
		f->text = optarg;
		break;
	case 'q':
		f->quarantined_only = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'U':
		o->utc = true;
		break;
	case 'F':
		o->follow = true;
		break;
	case 'D':
		o->store = optarg;
		break;
	}
	return true;
}

/* In the zone in which times are printed, so after --utc. */
static bool read_period(struct ctl_filter *o)
{
	return (o->since == NULL || ctl_moment("--since", o->since, &o->filter.since)) &&
	       (o->until == NULL || ctl_moment("--until", o->until, &o->filter.until));
}

bool ctl_filter_end(struct ctl_filter *o)
{
	if (o->limit == 0)
		o->limit = CTL_LIMIT_DEFAULT;
	if (o->page == 0)
		o->page = 1;
	if (o->follow && (o->paged || o->until != NULL)) {
		ctl_error("--follow does not go with --page, --before or --until");
		return false;
	}
	if ((o->page - 1) * o->limit > UINT32_MAX) {
		ctl_error("--page: too large for this --limit");
		return false;
	}
	o->filter.limit = (unsigned)o->limit;
	o->filter.skip = (unsigned)((o->page - 1) * o->limit);
	if (o->utc && setenv("TZ", "UTC0", 1) == 0)
		tzset();
	return read_period(o);
}

int ctl_follow(struct store_reader *reader, bool (*list)(void *arg), void *arg)
{
	char why[STORE_READ_WHY];
	int64_t version = 0, last = -1;

	for (unsigned i = 0;; i++) {
		if (!store_read_version(reader, &version, why)) {
			ctl_error("%s", why);
			return CTL_FAILED;
		}
		if (version != last || i % FOLLOW_ANYWAY == 0) {
			last = version;
			if (!list(arg) || !ctl_flush())
				return CTL_FAILED;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = FOLLOW_EVERY * 1000000L}, NULL);
	}
}
