/* disk.h - a model of the disk below one directory, which can lose power or fail.
 *
 * It replaces the calls into the kernel: disk_calls.c defines open, pwrite, fdatasync and the like
 * under their libc names, so that SQLite, the store's VFS and the store's own calls all come
 * through here. For each file below the directory it keeps what is certainly on disk and, in order,
 * what was written since the last sync; for each name the files that it meant since the last sync
 * of the directory.
 *   After a power failure every call fails. disk_restore then makes the files what a disk might
 * have kept: any version of each unsynced sector, torn at any byte; sizes and names of any moment
 * since they were synced. The content of -shm is lost.
 *   A sync that was made to fail loses its pages, as on Linux, although they can still be read: a
 * later sync does not write them. POSIX_FADV_DONTNEED has them read from the disk again.
 * Anything that the model does not know (a write through a shared mapping, a rename) ends the
 * program, so that no test passes by missing something. Any thread. */
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

/* The nth call of one of `ops` on one of `kinds`, counted from when this is set. */
struct disk_moment {
	unsigned ops;   /* bits: 1U << DISK_WRITE | … */
	unsigned kinds; /* bits */
	unsigned nth;   /* from 1; 0: never */
};

/* Watches the files of `dir`, an absolute path; what exists already is on disk. */
void disk_begin(const char *dir, uint64_t seed);
void disk_end(void); /* with all files closed */

void disk_cut_at(struct disk_moment when);
void disk_cut(void); /* now */
bool disk_is_dead(void);
/* The call at which the power failed: static text, such as "write of the WAL". */
const char *disk_cut_place(enum disk_op *op, enum disk_kind *kind);
/* With all files closed: makes them what the disk kept. The power is back. */
void disk_restore(void);

/* From `when` on `times` calls fail with `error`; with `half` a write does half of its work
 * first. nth 0: no more failures. */
struct disk_failure {
	struct disk_moment when;
	unsigned times;
	int error;
	bool half;
};

void disk_fail(struct disk_failure failure);
unsigned disk_failed(void); /* calls that failed since disk_fail */
/* Of those, syncs of the database file and the WAL. */
unsigned disk_failed_syncs(void);

/* Numbers from a seed; for the tests too. */
uint64_t disk_random(uint64_t *state);

#endif
