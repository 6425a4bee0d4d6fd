/* hookctl/listing.h - what `events` and `deliveries` share: the store they list from, the table
 * they print, and how --follow prints new rows. One thread. */
#ifndef HOOKD_CTL_LISTING_H
#define HOOKD_CTL_LISTING_H

#include "base/attributes.h"
#include "command.h"
#include "filter.h"
#include "store/read.h"
#include "table.h"

#include <stdbool.h>
#include <stdint.h>

struct ctl_listing {
	struct store_reader *reader;
	struct store_filter filter;
	struct ctl_table table; /* set its columns first */
	bool json, relative, failed;
	int64_t now;
	int64_t lowest, highest; /* of the ids that were read; 0: none was */
};

/* Opens the filter's store. CTL_OK, or the code to exit with. */
int ctl_listing_open(
	struct ctl *ctl, struct ctl_listing *l, const struct ctl_filter *filter) WARN_UNUSED;
void ctl_listing_close(struct ctl_listing *l);

/* Call it with the id of each row. */
void ctl_listing_count(struct ctl_listing *l, int64_t id);

/* Prints the rows that the table has. False: reported. */
bool ctl_listing_print(struct ctl_listing *l) WARN_UNUSED;

/* Reads the rows that the filter matches and only counts their ids. */
typedef bool ctl_listing_read_ids(
	struct ctl_listing *l, const struct store_filter *filter, char why[STORE_READ_WHY]);

/* Prints the last rows that the filter matches, then each new one: calls list_new(arg), which lists
 * the rows with an id above l->highest, whenever the store changes. Returns the exit code, once the
 * store cannot be read or stdout cannot be written. */
int ctl_listing_follow(struct ctl_listing *l, ctl_listing_read_ids *read_ids,
	bool (*list_new)(void *arg), void *arg);

#endif
