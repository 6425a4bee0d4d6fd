/* catchup/facts.h - asks a sender's API what nobody documents: how it lists events, what it
 * filters and includes, what it says of webhooks. Only reads; about ten questions. Of catchup.c's
 * thread alone. */
#ifndef HOOKD_CATCHUP_FACTS_H
#define HOOKD_CATCHUP_FACTS_H

#include "task.h"

/* Gives each answer to t->order->fact. TASK_WHOLE: all were asked. */
enum task_end facts_ask(struct task *t);

#endif
