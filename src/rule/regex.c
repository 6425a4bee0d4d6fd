#include "regex.h"

#include "effort.h"
#include "posix.h"
#include "rule/condition.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_LIMIT 100000 /* from one start of a match: PCRE2 restarts counting at the next */
#define DEPTH_LIMIT 50000  /* backtracking points at once */
#define HEAP_LIMIT  1024   /* KiB of them */
#define LOOK_BACK   32     /* characters, each of them at every try */

struct regex {
	pcre2_code *code;
	struct effort items[CONDITION_PATTERN + 1]; /* by their place in the pattern */
};

static bool refuses(char what[200], const char *how)
{
	(void)snprintf(what, 200, "%s", how);
	return false;
}

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
	return code;
}

static int mark_item(pcre2_callout_enumerate_block *block, void *data)
{
	bool *starts = data;

	starts[block->pattern_position] = true;
	return 0;
}

/* An item reaches to the next one: PCRE2's own length of it may reach beyond the pattern. */
static void price_items(struct regex *r, const char *pattern)
{
	bool starts[CONDITION_PATTERN + 1] = {false};
	size_t len = strlen(pattern), end;

	(void)pcre2_callout_enumerate(r->code, mark_item, starts);
	for (size_t at = 0; at <= len; at = end) {
		for (end = at + 1; end < len && !starts[end]; end++)
			;
		r->items[at] = effort_of(pattern + at, (end < len ? end : len) - at);
	}
}

/* Refuses what could take long without being reported, and groups with names. */
static bool is_bounded(struct regex *r, const char *pattern, char what[200])
{
	uint32_t groups = 0, back = 0;

	(void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	(void)pcre2_pattern_info(r->code, PCRE2_INFO_MAXLOOKBEHIND, &back);
	if (groups > 0)
		return refuses(what, "names a group: expected one without a name");
	if (back > LOOK_BACK) {
		(void)snprintf(what, 200,
			"looks back %u characters, which can take long: expected at most %d",
			(unsigned)back, LOOK_BACK);
		return false;
	}
	price_items(r, pattern);
	return true;
}

struct regex *regex_new(const char *pattern, char what[200])
{
	struct regex *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		(void)snprintf(what, 200, "out of memory");
	} else if (strlen(pattern) > CONDITION_PATTERN) {
		(void)snprintf(
			what, 200, "is too long: expected at most %d bytes", CONDITION_PATTERN);
	} else if (posix_agrees(pattern, what)) {
		r->code = compile(pattern, what);
		if (r->code != NULL && is_bounded(r, pattern, what))
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
	const struct effort *items;
	size_t steps;
	PCRE2_SIZE position; /* where the last step was */
	size_t weight;       /* of the item tried there */
};

static size_t steps_for(size_t bytes, size_t weight)
{
	return bytes * weight / EFFORT_BYTES;
}

/* PCRE2 calls this before each item of the pattern that it tries. PCRE2's own match limit
 * applies to each start of a match separately and does not count the bytes that a repetition
 * consumes, so with it alone a long text could take seconds. Counted are the bytes that the
 * item before has taken, and those that the next one must take: if it fails among them, they
 * are not seen. */
static int count_step(pcre2_callout_block *block, void *data)
{
	struct progress *p = data;
	const struct effort *item = &p->items[block->pattern_position];
	size_t left = block->subject_length - block->current_position;

	p->steps++;
	if (block->current_position > p->position)
		p->steps += steps_for(block->current_position - p->position, p->weight);
	p->steps += steps_for(item->least < left ? item->least : left, item->weight);
	p->position = block->current_position;
	p->weight = item->weight;
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

enum regex_result regex_match_counted(
	const struct regex *r, const char *text, size_t len, size_t *steps)
{
	bool cut = len > CONDITION_SUBJECT;
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	struct progress progress = {.items = r->items};
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
	*steps = progress.steps;
	return result_of(code);
}

enum regex_result regex_match(const struct regex *r, const char *text, size_t len)
{
	size_t steps;

	return regex_match_counted(r, text, len, &steps);
}
