/* control/serve.h - answers one request on a connection: for hookctl, which has a process of its
 * own at the other end when no hookd runs on the store. One thread. */
#ifndef HOOKD_CONTROL_SERVE_H
#define HOOKD_CONTROL_SERVE_H

#include "control/act.h"

/* Waits for the request and runs it to its end. Both close the connection. */
void control_serve(int fd, const struct act_context *context);

/* Answers whatever is asked with an error. */
void control_refuse(int fd, const char *why);

#endif
