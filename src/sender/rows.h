/* sender/rows.h - the rows of the table in sender.c, each from the file of its name. */
#ifndef HOOKD_SENDER_ROWS_H
#define HOOKD_SENDER_ROWS_H

#include "sender/sender.h"

extern const struct sender sender_fedapay;
extern const struct sender_api sender_fedapay_api;
extern const char *const fedapay_types[], *const fedapay_optional[];
extern const struct sender_values fedapay_values[];

#endif
