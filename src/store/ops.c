/* store/ops.c - the outputs of an operation, whichever engine runs it: cleared before a
 * transaction, freed when it was rolled back. */
#include "private.h"
#include "store/catchup.h"
#include "store/change.h"
#include "store/import.h"
#include "store/maintenance.h"
#include "store/quarantine.h"

#include <stddef.h>
#include <stdlib.h>

/* Each request begins with its operation. */
_Static_assert(
	offsetof(struct store_put, op) == 0 && offsetof(struct store_claim, op) == 0 &&
		offsetof(struct store_settle, op) == 0 && offsetof(struct store_names, op) == 0 &&
		offsetof(struct store_shift, op) == 0 && offsetof(struct store_orphans, op) == 0 &&
		offsetof(struct store_change, op) == 0 && offsetof(struct store_pause, op) == 0 &&
		offsetof(struct store_release, op) == 0 && offsetof(struct store_drop, op) == 0 &&
		offsetof(struct store_import, op) == 0 && offsetof(struct store_prune, op) == 0 &&
		offsetof(struct store_vacuum, op) == 0 && offsetof(struct store_note, op) == 0 &&
		offsetof(struct store_backup, op) == 0 && offsetof(struct store_keep, op) == 0 &&
		offsetof(struct store_catchup, op) == 0,
	"a request is found by its operation's address");

size_t store_op_bytes(const struct store_op *op)
{
	if (op->kind == STORE_OP_PUT)
		return ((const struct store_put *)op)->event->payload_len;
	if (op->kind == STORE_OP_SETTLE && !((const struct store_settle *)op)->unstarted)
		return ((const struct store_settle *)op)->outcome->output_len;
	return 0;
}

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
	c->needed = 0;
	c->needed_hook = 0;
}

static void names_start(struct store_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		*n->list[i].id = 0;
}

void store_claim_free(struct store_claim *c)
{
	for (size_t i = 0; i < c->job_count; i++)
		delivery_job_free(c->jobs[i]);
	free(c->jobs);
	free(c->skips);
}

static void change_start(struct store_change *c)
{
	c->done = 0;
	for (size_t i = 0; i < c->count; i++)
		c->made[i] = 0;
}

static void pause_start(struct store_pause *p)
{
	p->known = false;
	p->since = 0;
}

static void import_start(struct store_import *i)
{
	i->done = 0;
	i->full = false;
}

static void backup_start(struct store_backup *b)
{
	b->done = 0;
	b->all = 0;
	b->over = false;
}

static void vacuum_start(struct store_vacuum *v)
{
	v->pages = 0;
	v->size = 0;
	v->over = false;
}

void store_op_start(struct store_op *op)
{
	op->result = STORE_OK;
	op->why = NULL;
	op->at_fault = false;
	switch (op->kind) {
	case STORE_OP_PUT:
		put_start((struct store_put *)op);
		break;
	case STORE_OP_CLAIM:
		claim_start((struct store_claim *)op);
		break;
	case STORE_OP_NAMES:
		names_start((struct store_names *)op);
		break;
	case STORE_OP_ORPHANS:
		((struct store_orphans *)op)->rows = NULL;
		((struct store_orphans *)op)->count = 0;
		break;
	case STORE_OP_CHANGE:
		change_start((struct store_change *)op);
		break;
	case STORE_OP_PAUSE:
		pause_start((struct store_pause *)op);
		break;
	case STORE_OP_RELEASE:
		((struct store_release *)op)->done = false;
		break;
	case STORE_OP_DROP:
		((struct store_drop *)op)->done = false;
		break;
	case STORE_OP_IMPORT:
		import_start((struct store_import *)op);
		break;
	case STORE_OP_PRUNE:
		((struct store_prune *)op)->start = ((struct store_prune *)op)->at;
		break;
	case STORE_OP_VACUUM:
		vacuum_start((struct store_vacuum *)op);
		break;
	case STORE_OP_BACKUP:
		backup_start((struct store_backup *)op);
		break;
	case STORE_OP_AUDIT:
	case STORE_OP_REFUSED:
	case STORE_OP_SETTLE:
	case STORE_OP_SHIFT:
	case STORE_OP_CATCHUP:
	case STORE_OP_PING:
		break;
	}
}

void store_op_undo(struct store_op *op)
{
	const char *why = op->why;
	bool at_fault = op->at_fault;

	if (op->kind == STORE_OP_CLAIM)
		store_claim_free((struct store_claim *)op);
	else if (op->kind == STORE_OP_ORPHANS)
		store_orphans_free((struct store_orphans *)op);
	else if (op->kind == STORE_OP_PRUNE)
		((struct store_prune *)op)->at = ((struct store_prune *)op)->start;
	store_op_start(op);
	op->result = STORE_ERROR;
	op->why = why;
	op->at_fault = at_fault;
}

void store_orphans_free(struct store_orphans *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->rows[i].name);
	free(o->rows);
	o->rows = NULL;
	o->count = 0;
}
