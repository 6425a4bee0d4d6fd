/* listener/batch.h - submits the events that one turn of a server's thread has read to the store
 * together, so that they are not split into a small commit and a large one. */
#ifndef HOOKD_LISTENER_BATCH_H
#define HOOKD_LISTENER_BATCH_H

#include "http/server.h"
#include "store/store.h"

/* In place of store_submit. */
void batch_add(struct http_turn *turn, struct store_op *op);

/* http_handler's turn_over: submits the batch. `listener` is a struct listener. */
void batch_submit(void *listener, struct http_turn *turn);

#endif
