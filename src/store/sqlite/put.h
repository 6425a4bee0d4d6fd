/* store/sqlite/put.h - a run of puts: those that follow each other in a group. */
#ifndef HOOKD_STORE_PUT_H
#define HOOKD_STORE_PUT_H

#include "store/store.h"

#include <stddef.h>

/* NULL: the run ends here, with another kind of operation or the end of the group. */
static inline struct store_put *store_put_of(struct store_op *op)
{
	return op != NULL && op->kind == STORE_OP_PUT ? (struct store_put *)op : NULL;
}

#endif
