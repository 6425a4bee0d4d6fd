/* hookctl/keys.h - what sign, verify and send work with: secrets, the sender that they belong to,
 * and a body from a file. Errors are reported on stderr. One thread. */
#ifndef HOOKD_CTL_KEYS_H
#define HOOKD_CTL_KEYS_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/secret.h"
#include "command.h"
#include "conf/conf.h"
#include "sender/sender.h"

#include <stdbool.h>
#include <stddef.h>

#define CTL_SECRETS_MAX 16

struct ctl_keys {
	const struct sender *sender;
	struct secret *const *secrets; /* at least one */
	size_t count;
	const struct conf_source *source; /* NULL when the secrets were named */
	struct conf *conf;                /* NULL when no config was needed */
	struct secret *named[CTL_SECRETS_MAX];
};

/* Fills *keys from the `count` values of --secret-from; without any, from the config's
 * source `source` (NULL: the only one). `scheme` is NULL or --scheme's. Returns CTL_OK or the
 * code to exit with; call ctl_keys_free either way. */
int ctl_keys_load(const struct ctl *ctl, struct ctl_keys *keys, const char *const *from,
	size_t count, const char *source, const char *scheme) WARN_UNUSED;
void ctl_keys_free(struct ctl_keys *keys);

#define CTL_FILE_MAX ((size_t)16 * 1024 * 1024)

/* Appends a whole file of at most CTL_FILE_MAX bytes, or standard input for "-". */
bool ctl_read_file(const char *path, struct buf *out) WARN_UNUSED;

#endif
