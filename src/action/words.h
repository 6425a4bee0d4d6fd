/* action/words.h - the words a script is started with: arguments and environment,
 * made from a hook's templates for one delivery. No shell ever sees them. Any
 * thread. */
#ifndef HOOKD_SCRIPT_WORDS_H
#define HOOKD_SCRIPT_WORDS_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "event/delivery.h"

struct script_words {
	char **argv; /* NULL at the end */
	char **env;  /* PATH, LANG, HOME, the hook's own, HOOKD_…; NULL at the end */
};

#define SCRIPT_WORDS_WHY 512

/* The longest argument or variable that Linux takes (MAX_ARG_STRLEN, 32 pages of
 * 4 KiB, with its NUL). */
#define SCRIPT_WORD_MAX ((size_t)131071)

/* ATTEMPT_OK; or ATTEMPT_PERMFAIL for what no later attempt could mend, with why:
 * a missing value, a NUL, a - in front that came from the event, a word or all of
 * them too long; ATTEMPT_TEMPFAIL when memory is short. script_words_free in
 * any case. */
enum attempt_result script_words_make(struct script_words *words, const struct conf_hook *hook,
	const struct delivery_job *job, char why[SCRIPT_WORDS_WHY]) WARN_UNUSED;
void script_words_free(struct script_words *words);

#endif
