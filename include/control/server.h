/* control/server.h - the control socket of a running hookd: takes hookctl's requests and runs each
 * in a thread of its own. The path of the socket is the second line of STORE.lock.
 *
 * Those who may write to the socket (hookd's user and group) may do what hookctl does. Each is
 * known by its user id, which is logged with the request. What a client does, or does not do, holds
 * up nobody else: there are limits to the length of a request, to the time it takes, to
 * connections, to requests in work, and to those of one user. All functions are for the main
 * thread. */
#ifndef HOOKD_CONTROL_SERVER_H
#define HOOKD_CONTROL_SERVER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "control/act.h"
#include "store/store.h"

struct control;

/* Listens at DIRECTORY/control, or, when that is NULL, at STORE.control. Takes a reference to conf;
 * borrows the store, the host, and their paths. NULL: logged. */
struct control *control_start(const char *directory, struct conf *conf, struct store *st,
	const struct control_host *host) WARN_UNUSED;

/* Acts that start from now on use conf. */
void control_reload(struct control *c, struct conf *conf);

/* Takes no more requests; those in work stop after their present slice, as by Ctrl-C. Returns a
 * descriptor that becomes readable when none is left; it belongs to the server. */
int control_drain(struct control *c);

/* Drains, waits for the requests in work, and frees. NULL is allowed. */
void control_stop(struct control *c);

#endif
