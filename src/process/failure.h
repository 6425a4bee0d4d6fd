/* process/failure.h - what the new process could not do, and how to say so. Private to
 * child*.c. Any thread. */
#ifndef HOOKD_CHILD_FAILURE_H
#define HOOKD_CHILD_FAILURE_H

#include "base/attributes.h"
#include "process/child.h"

/* What the new process does, in this order. */
enum child_stage {
	CHILD_STAGE_PARENT,
	CHILD_STAGE_STREAMS,
	CHILD_STAGE_LIMIT,
	CHILD_STAGE_WALL,
	CHILD_STAGE_USER,
	CHILD_STAGE_DIRECTORY,
	CHILD_STAGE_PROGRAM,
};

struct child_failure {
	enum child_stage stage;
	int error;
};

/* Writes into `why` what failed, for people, and returns what kind of error that is. Looks at
 * the program's file for it. */
enum child_error child_failure_say(const struct child_options *o,
	const struct child_failure *failure, char why[CHILD_WHY]) WARN_UNUSED;

#endif
