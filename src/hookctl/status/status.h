/* hookctl/status/status.h - what `status` gathers, and what its parts add to it: text, JSON, and
 * what needs attention. Private to the command. One thread. */
#ifndef HOOKD_CTL_STATUS_H
#define HOOKD_CTL_STATUS_H

#include "base/attributes.h"
#include "base/buf.h"
#include "counts/counts.h"
#include "hookctl/ask.h"
#include "store/read.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_status {
	struct store_reader *reader;
	const char *path;
	int64_t now;
	bool up;              /* a process has the store's lock, and it is no hookctl */
	bool lock_lost;       /* by the process that has the store open */
	int64_t worker;       /* the pid of the hookctl that has it; 0: none */
	int64_t started, pid; /* its; 0: unknown */
	const json_t *hookd;  /* what hookd says of itself, within ask; NULL: it does not answer */
	struct ctl_ask ask;
	struct buf silence; /* why it does not */
	struct counts_stored counts;
	struct buf out, attention, json;
	bool is_json;
	size_t rows; /* of the list being printed */
};

/* To the text: `text`, escaped; how long ago that was. */
void ctl_status_text(struct ctl_status *s, const char *text);
void ctl_status_ago(struct ctl_status *s, int64_t then);

/* Something needs attention. */
void ctl_status_attention(struct ctl_status *s, const char *format, ...) PRINTF(2, 3);

/* Adds the sources, what they refuse, the hooks that are paused or held, and the deliveries that
 * are dead or fail. False: why. */
bool ctl_status_lists(struct ctl_status *s, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Adds the sources whose events are read back from an API. False: why. */
bool ctl_status_api(struct ctl_status *s, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
