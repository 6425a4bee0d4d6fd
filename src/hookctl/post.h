/* hookctl/post.h - hookctl's HTTP client: posts signed bodies over one connection
 * that is kept open. Follows no redirect, and uses no proxy to reach
 * this machine. Call transfer_global_init (transfer/transfer.h) first. One thread. */
#ifndef HOOKD_CTL_POST_H
#define HOOKD_CTL_POST_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>

struct ctl_target {
	const char *url;       /* borrowed */
	const char *unix_path; /* borrowed; NULL: TCP */
	bool insecure;         /* accept any certificate */
	bool local;            /* this machine: no proxy */
	bool proxy_protocol;   /* begin with a header of that protocol */
};

struct ctl_post;

/* Is the URL's host this machine's loopback? */
bool ctl_is_loopback(const char *url) WARN_UNUSED;

/* Borrows the target until ctl_post_free. NULL: reported. */
struct ctl_post *ctl_post_new(const struct ctl_target *target) WARN_UNUSED;

#define CTL_ANSWER_MAX 2000 /* bytes kept of an answer */

/* Posts the body with the signature header, "NAME: value". True: there was an answer; its code,
 * and the first CTL_ANSWER_MAX bytes of its body in `answer`. False: reported. */
bool ctl_post_send(struct ctl_post *p, const char *signature, const struct buf *body, long *code,
	struct buf *answer) WARN_UNUSED;

void ctl_post_free(struct ctl_post *p); /* NULL is allowed */

#endif
