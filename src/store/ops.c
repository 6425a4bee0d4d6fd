/* store/ops.c - the outputs of an operation, whichever engine runs it: cleared before a
 * transaction, freed when it was rolled back. */
#include "private.h"

#include <stddef.h>
#include <stdlib.h>

/* Each request begins with its operation. */
_Static_assert(
	offsetof(struct store_put, op) == 0 && offsetof(struct store_claim, op) == 0 &&
		offsetof(struct store_settle, op) == 0 && offsetof(struct store_name, op) == 0 &&
		offsetof(struct store_shift, op) == 0 && offsetof(struct store_orphans, op) == 0,
	"a request is found by its operation's address");

static void put_start(struct store_put *p)
{
	p->event_id = 0;
	p->conflict = false;
	p->repaired = false;
}

static void claim_start(struct store_claim *c)
{
	c->jobs = NULL;
	c->job_count = 0;
	c->skips = NULL;
	c->skip_count = 0;
	c->next_due = INT64_MAX;
}

static void claim_undo(struct store_claim *c)
{
	for (size_t i = 0; i < c->job_count; i++)
		delivery_job_free(c->jobs[i]);
	free(c->jobs);
	free(c->skips);
}

void store_op_start(struct store_op *op)
{
	op->result = STORE_OK;
	switch (op->kind) {
	case STORE_OP_PUT:
		put_start((struct store_put *)op);
		break;
	case STORE_OP_CLAIM:
		claim_start((struct store_claim *)op);
		break;
	case STORE_OP_NAME:
		((struct store_name *)op)->id = 0;
		break;
	case STORE_OP_ORPHANS:
		((struct store_orphans *)op)->rows = NULL;
		((struct store_orphans *)op)->count = 0;
		break;
	case STORE_OP_SETTLE:
	case STORE_OP_SHIFT:
	case STORE_OP_PING:
	case STORE_OP_REFRESH:
		break;
	}
}

void store_op_undo(struct store_op *op)
{
	if (op->kind == STORE_OP_CLAIM)
		claim_undo((struct store_claim *)op);
	else if (op->kind == STORE_OP_ORPHANS)
		store_orphans_free((struct store_orphans *)op);
	store_op_start(op);
	op->result = STORE_ERROR;
}

void store_orphans_free(struct store_orphans *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->rows[i].name);
	free(o->rows);
	o->rows = NULL;
	o->count = 0;
}
