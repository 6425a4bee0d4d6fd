/* base/secret.h - secrets in libsodium's guarded memory, read from where a secret may be
 * kept, which is never the config file itself. They are read directly into that memory,
 * wiped when freed, and never part of a message. sodium_init() must have succeeded. Any
 * thread; a struct secret is constant. */
#ifndef HOOKD_SECRET_H
#define HOOKD_SECRET_H

#include "attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct secret;

enum secret_origin {
	SECRET_CREDENTIAL, /* a file of that name in $CREDENTIALS_DIRECTORY (systemd
			      LoadCredential=) */
	SECRET_FILE,
	SECRET_ENV,
};

#define SECRET_MAX 4096 /* bytes; a longer one is refused */
#define SECRET_WHY 512  /* room for a reason */

/* Loads a secret. One line end at the end of a file or credential is removed, since
 * editors add it. It refuses an empty secret, one with what copying adds (white space at an end, a
 * second line, a byte order mark, invisible characters, quotes around it, NAME= before it, NULs),
 * and a file that is not regular or that others can access (mode & 07). Returns new, or NULL
 * with the reason in why: which variable or file, and what was expected; never the secret. */
struct secret *secret_load(
	enum secret_origin origin, const char *name, char why[SECRET_WHY]) WARN_UNUSED;

/* For commands run by hand: sets an unset $CREDENTIALS_DIRECTORY to where systemd keeps
 * the running daemon's credentials, if they are readable (systemd.exec(5)). Main thread,
 * before the first secret_load. */
void secret_find_credentials(void);

/* For a check of the config only: if there are still none, as before the first start of hookd's
 * unit, each credential is taken to be right. */
void secret_assume_credentials(void);
bool secret_was_assumed(void);            /* has one been asked for since? */
bool secret_is_assumed(const char *path); /* … and is this file one of them? */

/* Copies len bytes. Returns new; NULL: out of memory. */
struct secret *secret_new(const void *bytes, size_t len) WARN_UNUSED;

/* Has every secret so far been locked in memory (RLIMIT_MEMLOCK)? If not, one may end up
 * in swap. */
bool secret_all_locked(void);

const unsigned char *secret_bytes(const struct secret *s);
size_t secret_len(const struct secret *s);
bool secret_starts_with(const struct secret *s, const char *prefix);
void secret_free(struct secret *s);

#endif
