/* conf/explain.h - a configuration in words, so that a person can check whether it means
 * what they meant. */
#ifndef HOOKD_CONF_EXPLAIN_H
#define HOOKD_CONF_EXPLAIN_H

#include "base/buf.h"
#include "conf.h"

/* Appends how events come in, what is done for which of them, what happens when that
 * fails, the digest, the alerts, and how mail is sent, in lines of 80 columns where
 * possible. The text contains no secret and no value of a variable or header. Any thread. */
void conf_explain(const struct conf *conf, struct buf *out);

#endif
