/* base/file.h - regular files, read whole. Anything else at the path (a directory, a
 * FIFO, a device) is refused without waiting for it. Any thread. */
#ifndef HOOKD_FILE_H
#define HOOKD_FILE_H

#include "attributes.h"
#include "buf.h"

#include <stddef.h>
#include <sys/stat.h>

#define FILE_READ_MAX ((size_t)1024 * 1024) /* bytes */

/* Opens a regular file for reading. NULL: *fd, to be closed, and *st are the file's;
 * else what is wrong, as in "/etc: not a regular file". */
const char *file_open(const char *path, int *fd, struct stat *st) WARN_UNUSED;

/* Appends a whole file to out. NULL: it is read; else what is wrong, and out may have a
 * part of it. */
const char *file_read(const char *path, struct buf *out) WARN_UNUSED;

#endif
