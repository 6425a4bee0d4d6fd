/* hookd/config.h - reads the config, at the start and for a reload, and puts it in force. The main
 * thread's. */
#ifndef HOOKD_CONFIG_H
#define HOOKD_CONFIG_H

#include "hookd.h"

/* Reads the config into h->conf, and sets up what depends on it. Returns an exit code; -1: go on.
 * Errors are logged. */
int config_start(struct hookd *h);

/* Reads it again; one that cannot be used leaves the old one in force. Logs which, and tells
 * h->host; the service manager is told that it begins, not that it has ended. */
void config_reload(struct hookd *h);

/* Logs the hooks that the config does not have and deliveries wait for. */
void config_report_orphans(const struct hookd *h);

#endif
