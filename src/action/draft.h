/* action/draft.h - the mail that a hook's templates make for a delivery. Any thread. */
#ifndef HOOKD_ACTION_DRAFT_H
#define HOOKD_ACTION_DRAFT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/delivery.h"
#include "mail/mail.h"

struct mail_draft {
	struct mail mail; /* borrows its texts from the buffers below */
	struct buf subject, text, html;
	char attachment_name[48];
	struct mail_part attachment;
	struct buf message; /* as it is sent, without the envelope */
	bool shown;
	char **written; /* what stands for addresses of the environment; see mail_draft_add */
	size_t written_count;
};

#define MAIL_DRAFT_WHY 512

/* ATTEMPT_OK; or ATTEMPT_PERMFAIL with why: no recipient, a malformed address, a control
 * character where none is allowed; or ATTEMPT_TEMPFAIL when out of memory. Call
 * mail_draft_free in any case. Borrows job's payload. With `shown`, for people, each ${NAME} of the
 * config is as it is written; make the draft without it first, to see whether it can be sent. */
enum attempt_result mail_draft_make(struct mail_draft *d, const struct conf *conf,
	const struct conf_hook *hook, const struct delivery_job *job, bool shown,
	char why[MAIL_DRAFT_WHY]) WARN_UNUSED;

/* For people: checks that the draft can be sent, and makes it as it is shown. False: why says why
 * not. Call mail_draft_free in any case. */
bool mail_draft_preview(struct mail_draft *d, const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, char why[MAIL_DRAFT_WHY]) WARN_UNUSED;

/* The i-th mailbox of to, then cc, then bcc; NULL: there are no more. */
const char *mail_draft_recipient(const struct mail_draft *d, size_t i);

/* Appends a text that is about the draft, with each ${NAME} where it stands for an address. */
void mail_draft_add(const struct mail_draft *d, const struct buf *text, struct buf *out);

/* The envelope and the message, escaped, for people. */
void mail_draft_show(const struct mail_draft *d, struct buf *out);

void mail_draft_free(struct mail_draft *d);

#endif
