#include "batch.h"

#include "request.h"

void batch_add(struct http_turn *turn, struct store_op *op)
{
	struct store_op *last = turn->last;

	op->next = NULL;
	if (last != NULL)
		last->next = op;
	else
		turn->first = op;
	turn->last = op;
}

void batch_submit(void *listener, struct http_turn *turn)
{
	struct listener *l = listener;
	struct store_op *first = turn->first;

	if (first == NULL)
		return;
	*turn = (struct http_turn){0};
	store_submit_all(atomic_load(&l->store), first);
}
