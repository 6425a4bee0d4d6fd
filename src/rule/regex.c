#include "regex.h"

#include "posix.h"
#include "rule/condition.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 256        /* bytes */
#define MATCH_LIMIT 100000     /* from one start of a match: PCRE2 restarts counting at the next */
#define DEPTH_LIMIT 50000      /* backtracking points at once */
#define HEAP_LIMIT  (2 * 1024) /* KiB of them */
#define STEP_BYTES  16         /* bytes that a repetition may take in one step */

struct regex {
	pcre2_code *code;
};

/* Returns new; NULL: `what` says why. */
static pcre2_code *compile(const char *pattern, char what[200])
{
	/* . is any character, and $ the very end, as with POSIX. We need no captured
	 * groups, and each one would make every step slower. */
	const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL |
				 PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
				 PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
	PCRE2_UCHAR message[120] = "";
	PCRE2_SIZE at;
	int error;
	pcre2_code *code = pcre2_compile(
		(PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);
	uint32_t groups = 0;

	if (code == NULL && error == PCRE2_ERROR_HEAP_FAILED) {
		(void)snprintf(what, 200, "out of memory");
		return NULL;
	}
	if (code == NULL) {
		(void)pcre2_get_error_message(error, message, sizeof(message));
		(void)snprintf(what, 200, "is not a regular expression: %s at byte %zu",
			(const char *)message, at + 1);
		return NULL;
	}
	(void)pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > 0) {
		(void)snprintf(what, 200, "names a group: expected one without a name");
		pcre2_code_free(code);
		return NULL;
	}
	return code;
}

struct regex *regex_new(const char *pattern, char what[200])
{
	struct regex *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		(void)snprintf(what, 200, "out of memory");
	} else if (strlen(pattern) > PATTERN_MAX) {
		(void)snprintf(what, 200, "is too long: expected at most %d bytes", PATTERN_MAX);
	} else if (posix_agrees(pattern, what)) {
		r->code = compile(pattern, what);
		if (r->code != NULL)
			return r;
	}
	regex_free(r);
	return NULL;
}

void regex_free(struct regex *r)
{
	if (r == NULL)
		return;
	pcre2_code_free(r->code);
	free(r);
}

struct progress {
	size_t steps;
	PCRE2_SIZE position; /* where the last step was */
};

/* PCRE2 calls this before each part of the pattern that it tries. PCRE2's own match
 * limit applies to each start of a match separately and does not count the bytes that a
 * repetition consumes, so with it alone a long text could take seconds. */
static int count_step(pcre2_callout_block *block, void *data)
{
	struct progress *p = data;

	p->steps++;
	if (block->current_position > p->position)
		p->steps += (block->current_position - p->position) / STEP_BYTES;
	p->position = block->current_position;
	return p->steps > REGEX_STEPS ? PCRE2_ERROR_CALLOUT : 0;
}

static enum regex_result result_of(int code)
{
	if (code >= 0)
		return REGEX_MATCH;
	if (code == PCRE2_ERROR_NOMATCH)
		return REGEX_NO_MATCH;
	return code == PCRE2_ERROR_NOMEMORY ? REGEX_NO_MEMORY : REGEX_LIMIT;
}

enum regex_result regex_match(const struct regex *r, const char *text, size_t len)
{
	bool cut = len > CONDITION_SUBJECT;
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	struct progress progress = {0};
	int code = PCRE2_ERROR_NOMEMORY;

	if (data != NULL && context != NULL) {
		(void)pcre2_set_match_limit(context, MATCH_LIMIT);
		(void)pcre2_set_depth_limit(context, DEPTH_LIMIT);
		(void)pcre2_set_heap_limit(context, HEAP_LIMIT);
		(void)pcre2_set_callout(context, count_step, &progress);
		code = pcre2_match(r->code, (PCRE2_SPTR)text, cut ? CONDITION_SUBJECT : len, 0,
			cut ? PCRE2_NOTEOL : 0, data, context);
	}
	pcre2_match_context_free(context);
	pcre2_match_data_free(data);
	return result_of(code);
}
