/* sender/fedapay_account.h - the merchant's account in a made-up event: FedaPay sends all of it
 * with each event, people, keys and balances. Each function returns new; NULL: out of memory. */
#ifndef HOOKD_FEDAPAY_ACCOUNT_H
#define HOOKD_FEDAPAY_ACCOUNT_H

#include <jansson.h>
#include <stdint.h>

#define FEDAPAY_ACCOUNT 37140
#define FEDAPAY_BALANCE 74211

/* As of that time, unix ms. */
json_t *fedapay_account(int64_t now);
json_t *fedapay_balance(int64_t now);
json_t *fedapay_currency(void);

#endif
