/* disk.h - the disk below one directory, as a test wants it: it loses power, or fails.
 *
 * Stands where programs meet the kernel: disk_calls.c has open, pwrite, fdatasync and the
 * like in their libc names, so that SQLite, whatever VFS the store opens and the store's
 * own calls all come through here. For each file below the directory it keeps what is
 * surely on disk and, in order, what was written since its last sync; for each name what
 * it stood for since the last sync of the directory.
 *   When the power goes every call fails from then on. disk_restore then makes the files
 * what a disk might have kept: of what was not synced any version of each sector, torn
 * at any byte; sizes and names of any moment since they were synced. What -shm held is lost.
 *   A sync that was made to fail loses what it was for, as Linux does, though it can still
 * be read: a later sync does not bring it back.
 * What the model does not know (a shared mapping that is written, a rename) ends the
 * program, so that no test passes because it did not look. Any thread. */
#ifndef HOOKD_FAULT_DISK_H
#define HOOKD_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_op {
	DISK_OPEN,
	DISK_READ,
	DISK_WRITE,
	DISK_SYNC,
	DISK_TRUNCATE,
	DISK_UNLINK,
	DISK_MAP,
	DISK_LOCK,
	DISK_OPS
};

enum disk_kind {
	DISK_DATABASE,
	DISK_WAL,
	DISK_JOURNAL,
	DISK_SHM,
	DISK_OTHER, /* PATH.lock */
	DISK_DIRECTORY,
	DISK_KINDS
};

#define DISK_ANY (~0U)

/* The nth call of one of `ops` on one of `kinds`, counted from when it is set. */
struct disk_moment {
	unsigned ops;   /* bits: 1U << DISK_WRITE | … */
	unsigned kinds; /* bits */
	unsigned nth;   /* from 1; 0: never */
};

/* Watches the files of `dir`, an absolute path; what is there is on disk. */
void disk_begin(const char *dir, uint64_t seed);
void disk_end(void); /* with all of it closed */

void disk_cut_at(struct disk_moment when);
void disk_cut(void); /* now */
bool disk_is_dead(void);
/* What the power went at: static text, such as "write of the WAL". */
const char *disk_cut_place(enum disk_op *op, enum disk_kind *kind);
/* With all files closed: what is there now is what the disk kept. The power is back. */
void disk_restore(void);

/* From `when` on `times` calls fail with `error`; with `half` a write does half of its
 * work first. nth 0: none fails any more. */
struct disk_failure {
	struct disk_moment when;
	unsigned times;
	int error;
	bool half;
};

void disk_fail(struct disk_failure failure);
unsigned disk_failed(void); /* calls that failed so since disk_fail */

/* Numbers from a seed; also the tests' own. */
uint64_t disk_random(uint64_t *state);

#endif
