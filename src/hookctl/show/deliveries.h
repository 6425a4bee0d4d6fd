/* hookctl/show/deliveries.h - an event's deliveries with their attempts, as `show` tells of them.
 * One thread. */
#ifndef HOOKD_CTL_DELIVERY_H
#define HOOKD_CTL_DELIVERY_H

#include "base/attributes.h"
#include "base/buf.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line "  name   text", the text escaped; nothing for NULL; and for a time, nothing for 0. */
void ctl_add_field(struct buf *out, const char *name, const char *text);
void ctl_add_time_field(struct buf *out, const char *name, int64_t ms);

/* Adds an event's deliveries, each with its attempts: for people; or as a JSON array. False
 * with the reason in why. */
bool ctl_add_deliveries(struct buf *out, struct store_reader *reader, int64_t event,
	char why[STORE_READ_WHY]) WARN_UNUSED;
bool ctl_add_deliveries_json(struct buf *out, struct store_reader *reader, int64_t event,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* The same in short, a line for each delivery and each attempt but a first that went well;
 * `before` is put in front of each. */
bool ctl_add_deliveries_short(struct buf *out, struct store_reader *reader, int64_t event,
	const char *before, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
