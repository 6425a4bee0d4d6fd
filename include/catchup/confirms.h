/* catchup/confirms.h - the questions whether what events report is still so, between those who ask
 * and the catchup, which answers them all. */
#ifndef HOOKD_CONFIRMS_H
#define HOOKD_CONFIRMS_H

#include "base/attributes.h"
#include "event/confirmation.h"

struct confirms;

struct confirms *confirms_new(void) WARN_UNUSED; /* NULL: logged */
/* After catchup_stop, and when nobody asks any more. NULL is allowed. */
void confirms_free(struct confirms *cs);

/* `ask` of struct confirmer. Any thread. */
void confirms_ask(void *confirms, struct confirmation *c);

#endif
