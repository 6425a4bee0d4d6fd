/* base/secret.h - secrets in libsodium's guarded memory, from the places a secret
 * may come from: never the config file itself. They are read into that memory
 * directly, wiped when freed, and appear in no message.
 * sodium_init() must have succeeded. Any thread; a struct secret is constant. */
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

/* Loads a secret. One line end at the end of a file or credential is taken off,
 * since editors put it there; then an empty secret, one with white space at
 * either end, one with a NUL, a file that is not regular or that others can
 * access (mode & 07) are refused. Returns new, or NULL with the reason in why:
 * which variable or file, and what was expected; never the secret. */
struct secret *secret_load(
	enum secret_origin origin, const char *name, char why[SECRET_WHY]) WARN_UNUSED;

/* For commands that a person runs: without $CREDENTIALS_DIRECTORY it is set to
 * where systemd keeps the running daemon's credentials, when we may read them
 * (systemd.exec(5)). Main thread, before the first secret_load. */
void secret_find_credentials(void);

/* Copies len bytes. Returns new, or NULL when memory is short. */
struct secret *secret_new(const void *bytes, size_t len) WARN_UNUSED;

/* Could each secret so far be locked in memory (RLIMIT_MEMLOCK)? If not, it may get into
 * swap. */
bool secret_all_locked(void);

const unsigned char *secret_bytes(const struct secret *s);
size_t secret_len(const struct secret *s);
bool secret_starts_with(const struct secret *s, const char *prefix);
void secret_free(struct secret *s);

#endif
