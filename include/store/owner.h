/* store/owner.h - a root process becomes the owner of the store that it is about to open. A script
 * of hookd's that was taken over may run as that owner, who chooses what is in the files beside the
 * store: with a crafted rollback journal SQLite deletes any file that the reader may delete. */
#ifndef HOOKD_STORE_OWNER_H
#define HOOKD_STORE_OWNER_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>

/* Gives all of the process's users and groups for good for those of the file's owner. Call it
 * before anything of the store is opened, and after all that needs root. Does nothing if the
 * process does not run as root, or if the store is root's and nobody else can write to its
 * directory. False with the reason in why: no such file, a symbolic link, a directory in which
 * another user could exchange the file. One thread, before others are started. */
bool store_become_owner(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
