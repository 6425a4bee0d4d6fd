/* hookctl/target.h - the new file that a backup is written to. It has no name until it is complete,
 * or a temporary one where the file system has no files without a name; only its owner may read it;
 * it never takes the place of another file. When root asks, its directory must be one in which
 * nobody else can rename or create files, and so must those above it: otherwise a user could lead
 * root to another directory. Errors are reported on stderr. One thread. */
#ifndef HOOKD_CTL_TARGET_H
#define HOOKD_CTL_TARGET_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_target {
	const char *path; /* as given; borrowed */
	const char *name; /* its last component, within path */
	int directory, file;
	char temporary[32]; /* the file's name until it is complete; "": none */
};

/* Opens the file for reading and writing. Call ctl_target_close if it succeeded. */
bool ctl_target_open(struct ctl_target *t, const char *path) WARN_UNUSED;

/* Writes all of the bytes at that offset. */
bool ctl_target_write(struct ctl_target *t, int64_t at, const void *bytes, size_t len) WARN_UNUSED;

bool ctl_target_truncate(struct ctl_target *t, int64_t size) WARN_UNUSED;

/* Gives the complete file its name, and syncs both. */
bool ctl_target_finish(struct ctl_target *t) WARN_UNUSED;

/* Removes the file unless it was finished. */
void ctl_target_close(struct ctl_target *t);

#endif
