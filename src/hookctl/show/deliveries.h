/* hookctl/show/deliveries.h - an event's deliveries with their attempts, as `show` prints them.
 * One thread. */
#ifndef HOOKD_CTL_SHOW_DELIVERIES_H
#define HOOKD_CTL_SHOW_DELIVERIES_H

#include "base/attributes.h"
#include "base/buf.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds a line "  name   text" with the text escaped, nothing for NULL; or with a time, nothing
 * for 0. */
void ctl_add_field(struct buf *out, const char *name, const char *text);
void ctl_add_time_field(struct buf *out, const char *name, int64_t ms);

/* Adds an event's deliveries, each with its attempts: as text, or as a JSON array. False: why. */
bool ctl_add_deliveries(struct buf *out, struct store_reader *reader, int64_t event,
	char why[STORE_READ_WHY]) WARN_UNUSED;
bool ctl_add_deliveries_json(struct buf *out, struct store_reader *reader, int64_t event,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Adds a line for each delivery, and one for each attempt unless the first succeeded; `before`
 * goes in front of each line. False: why. */
bool ctl_add_deliveries_short(struct buf *out, struct store_reader *reader, int64_t event,
	const char *before, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
