/* hookd/hookd.h - what main has of each area. The main thread's, except where stated otherwise. */
#ifndef HOOKD_HOOKD_H
#define HOOKD_HOOKD_H

#include "catchup/catchup.h"
#include "catchup/confirms.h"
#include "conf/conf.h"
#include "control/server.h"
#include "dispatcher/dispatcher.h"
#include "host.h"
#include "listener/listener.h"
#include "reporter/reporter.h"
#include "store/store.h"

struct hookd {
	char *config;
	struct conf *conf;
	struct store *store;
	struct dispatcher *dispatcher;
	struct listener *listener;
	struct reporter *reporter;
	struct confirms *confirms;
	struct catchup *catchup;
	struct control *control; /* NULL: there is no socket */
	struct host host;
	int signals;  /* signalfd */
	bool stopped; /* by a signal, before it was ready */
	int failure;  /* eventfd: the store has stopped after a failed sync */
	struct store_op ping;
	_Atomic bool ping_out; /* the store has not answered the last ping yet */
};

#endif
