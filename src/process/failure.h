/* process/failure.h - explains to people what a new process could not do. Any thread. */
#ifndef HOOKD_CHILD_FAILURE_H
#define HOOKD_CHILD_FAILURE_H

#include "base/attributes.h"
#include "process/child.h"

/* What the new process does, in this order. */
enum child_stage {
	CHILD_STAGE_PARENT,
	CHILD_STAGE_STREAMS,
	CHILD_STAGE_LIMIT,
	CHILD_STAGE_SANDBOX,
	CHILD_STAGE_USER,
	CHILD_STAGE_DIRECTORY,
	CHILD_STAGE_PROGRAM,
};

struct child_failure {
	enum child_stage stage;
	int error;
};

/* Does the system lack memory, descriptors, processes or another resource now, so that the same may
 * work later? */
bool child_failure_is_shortage(int error);

/* Writes into `why` what failed, for people, and returns what kind of error that is. Reads
 * the program's file to find the cause. */
enum child_error child_failure_explain(const struct child_options *o,
	const struct child_failure *failure, char why[CHILD_WHY]) WARN_UNUSED;

#endif
