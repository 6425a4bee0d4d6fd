/* Types and paths of the unit tests are made up: hookd warns that it does not know them. */
#ifndef HOOKD_TESTS_MADE_UP_H
#define HOOKD_TESTS_MADE_UP_H

#include "base/buf.h"

#include <stdbool.h>
#include <string.h>

/* Is there no message but warnings of what FedaPay's events do not have? */
static inline bool all_made_up(const struct buf *errors)
{
	const char *line = errors->data;

	while (line != NULL && *line != '\0') {
		const char *end = strchr(line, '\n');

		if (memmem(line, (size_t)(end - line), "of FedaPay that hookd knows", 27) == NULL)
			return false;
		line = end + 1;
	}
	return true;
}

#endif
