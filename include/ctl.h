/* ctl.h - what hookctl's subcommands share: the table of them, their exit
 * codes, and the few options that more than one takes. One thread. */
#ifndef HOOKD_CTL_H
#define HOOKD_CTL_H

#include "attributes.h"
#include "buf.h"
#include "conf.h"
#include "secret.h"

#include <stdbool.h>
#include <stddef.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* the answer is no: refused, does not match, not found */
	CTL_USAGE = 2,  /* the words of the command are wrong */
	CTL_CONFIG = 78 /* the config cannot be used */
};

struct ctl {
	const char *config; /* --config, or the default */
};

struct ctl_command {
	const char *name;
	const char *arguments; /* as in the synopsis */
	const char *summary;   /* one line */
	int (*run)(const struct ctl *ctl, int argc, char **argv); /* argv[0] is the command's name */
};

int ctl_send(const struct ctl *ctl, int argc, char **argv);
int ctl_sign(const struct ctl *ctl, int argc, char **argv);
int ctl_verify(const struct ctl *ctl, int argc, char **argv);
int ctl_events(const struct ctl *ctl, int argc, char **argv);
int ctl_show(const struct ctl *ctl, int argc, char **argv);

/* "hookctl: …" on stderr. */
void ctl_say(const char *format, ...) PRINTF(1, 2);

/* Loads the config; its errors go to stderr. NULL: return CTL_CONFIG. */
struct conf *ctl_conf(const struct ctl *ctl);

/* "credential:NAME", "file:PATH" or "env:NAME". NULL with the reason said. */
struct secret *ctl_secret(const char *text);

/* A whole file, or standard input for "-", into out. False with the reason said. */
bool ctl_read_file(const char *path, struct buf *out) WARN_UNUSED;

#endif
