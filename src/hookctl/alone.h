/* hookctl/alone.h - an act without a running hookd: a process of hookctl's own becomes the store's
 * owner if it is root, takes the store's lock, and runs the same code as hookd, with hookctl at the
 * other end of a connection, as ever. hookctl itself stays root meanwhile, because a backup gets
 * its name at the end. Such a process also checks the copy that a backup has made, because the
 * copy is not trusted. One thread. */
#ifndef HOOKD_CTL_ALONE_H
#define HOOKD_CTL_ALONE_H

#include "base/attributes.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ctl_alone {
	const char *store;
	struct conf *conf; /* borrowed; NULL: none is needed */
	bool only_reads;   /* do not take the lock */
	bool checks_copy;  /* check this copy of the store, and do nothing else */
	int copy;          /* its descriptor; borrowed */
	int64_t asker;     /* out: the user, for the audit */
	int connection;    /* out: to ask on; -1: none */
	pid_t process;     /* out */
};

/* Starts it. False: reported. */
bool ctl_alone_start(struct ctl_alone *a) WARN_UNUSED;

/* Ends the connection, and waits for the process to close the store. */
void ctl_alone_end(struct ctl_alone *a);

/* What that process does, once it has become the store's owner: opens the store, answers one
 * request, closes the store; or checks a copy. Closes the connection `fd`. */
void ctl_alone_serve(const struct ctl_alone *a, int fd);

#endif
