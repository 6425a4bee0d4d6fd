/* directory.h - where a program of this folder keeps its stores and their log: below one directory,
 * in memory if possible, since the disk is a model. */
#ifndef HOOKD_FAULT_DIRECTORY_H
#define HOOKD_FAULT_DIRECTORY_H

#include <stdbool.h>
#include <stdio.h>

enum { DIRECTORY_PATH = 160, WHY = 300 };

struct directory {
	char path[DIRECTORY_PATH - 16];
};

/* Makes it. From then on stderr is the stores' log; returns the former stderr. */
FILE *directory_begin(const char *name);
const char *directory_top(void);
long directory_log_end(void); /* bytes logged */
/* Removes it, or leaves it for debugging. */
void directory_end(bool remove);

void directory_make(struct directory *d, const char *name);
void directory_empty(const struct directory *d);
void directory_copy(const struct directory *from, const struct directory *to);

#endif
