/* sender/rows.h - the rows of the table in sender.c, each from the file of its name. */
#ifndef HOOKD_SENDER_ROWS_H
#define HOOKD_SENDER_ROWS_H

#include "sender/sender.h"

extern const struct sender sender_fedapay;

#endif
