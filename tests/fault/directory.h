/* directory.h - where a program of this directory keeps its stores and what they log: below
 * one directory, in memory if there is such a place, as the disk is made up. */
#ifndef HOOKD_FAULT_DIRECTORY_H
#define HOOKD_FAULT_DIRECTORY_H

#include <stdbool.h>
#include <stdio.h>

enum { DIRECTORY_PATH = 160, WHY = 300 };

struct directory {
	char path[DIRECTORY_PATH - 16];
};

/* Makes it. From then on stderr is the stores' log; returns what stderr was. */
FILE *directory_begin(const char *name);
const char *directory_top(void);
long directory_log_end(void); /* bytes logged */
/* Removes all, or leaves it for who looks for the fault. */
void directory_end(bool remove);

void directory_make(struct directory *d, const char *name);
void directory_empty(const struct directory *d);
void directory_copy(const struct directory *from, const struct directory *to);

#endif
