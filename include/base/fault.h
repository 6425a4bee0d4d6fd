/* base/fault.h - where a text of the config (a path, a template, an expression) is
 * wrong, and how: filled by its parser, reported by conf with file and line. */
#ifndef HOOKD_FAULT_H
#define HOOKD_FAULT_H

#include <stddef.h>

struct fault {
	size_t at;      /* byte of the text, from 0 */
	char what[200]; /* what is wrong: what was expected; no newline, never empty */
};

#endif
