/* store/permission.h - explains why a store's file cannot be opened. Any thread. */
#ifndef HOOKD_STORE_PERMISSION_H
#define HOOKD_STORE_PERMISSION_H

#include "store/read.h"

/* Explains errno after opening the file failed, with the group to join if that is missing. */
void store_explain_errno(const char *path, char why[STORE_READ_WHY]);

#endif
