/* disk_model.h - what disk_calls.c tells disk.c. Every call between disk_lock and
 * disk_unlock. */
#ifndef HOOKD_FAULT_DISK_MODEL_H
#define HOOKD_FAULT_DISK_MODEL_H

#include "disk.h"

#include <sys/types.h>

/* A write, or the zeros of a change of size. */
struct disk_change {
	size_t offset;
	size_t len;
	unsigned char *data; /* NULL: zeros */
	size_t size_after;
	bool synced; /* on disk by itself: O_DSYNC */
};

struct disk_node {
	enum disk_kind kind;
	unsigned char *durable;
	size_t durable_size, durable_room;
	size_t size;
	struct disk_change *changes; /* since the last sync */
	size_t count, room;
	struct disk_node *next; /* of all */
};

void disk_lock(void);
void disk_unlock(void);

/* Is the path that of the directory or of a file in it? */
bool disk_watches(const char *path);

/* 0, or the error with which the call must fail. A write that fails because the power
 * goes in it (disk_is_cut_now) may still have reached the disk, so it must be recorded. */
int disk_step(enum disk_op op, enum disk_kind kind, bool *half);
bool disk_is_cut_now(void);
enum disk_kind disk_kind_of(const char *path);

/* The file of a name, new or known; `made` when the call made it. */
struct disk_node *disk_node_open(const char *path, bool made);
enum disk_kind disk_node_kind(const struct disk_node *node);
void disk_note_write(
	struct disk_node *node, size_t offset, const void *data, size_t len, bool synced);
void disk_note_size(struct disk_node *node, size_t size);
void disk_note_sync(struct disk_node *node, bool failed); /* of a directory: its names */
void disk_note_unlink(const char *path);
void disk_note_drop(struct disk_node *node); /* reads what is not waiting to be written again */

/* Of descriptors. */
void disk_fd_set(int fd, struct disk_node *node, bool synced);
struct disk_node *disk_fd_node(int fd); /* NULL: not watched */
bool disk_fd_synced(int fd);            /* O_DSYNC */

/* disk_kept.c: what the disk may have kept of the file; to free. */
unsigned char *disk_kept(const struct disk_node *node, uint64_t *rng, size_t *size);
/* The part from `from` to `to` of a change is done to the file's bytes. */
void disk_apply(unsigned char *bytes, const struct disk_change *c, size_t from, size_t to);
void *disk_need(void *memory); /* ends the program when there is none */

/* disk_calls.c: the kernel's own, unwatched. */
int disk_real_open(const char *path, int flags, mode_t mode);
int disk_real_close(int fd);
int disk_real_unlink(const char *path);
ssize_t disk_real_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t disk_real_pread(int fd, void *data, size_t len, off_t offset);

#endif
