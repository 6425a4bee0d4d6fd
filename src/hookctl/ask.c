#include "ask.h"

#include "alone.h"
#include "config.h"
#include "control/client.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ctl_ask_begin(struct ctl_ask *ask, struct ctl *ctl, const char *store)
{
	*ask = (struct ctl_ask){.ctl = ctl, .exchange.input = -1};
	ask->store = ctl_store_path(ctl, store);
	return ask->store != NULL ? CTL_OK : CTL_CONFIG;
}

static void forget_answer(struct ctl_ask *ask)
{
	json_decref(ask->exchange.done);
	ask->exchange.done = NULL;
	buf_free(&ask->exchange.error);
	ask->exchange.interrupted = false;
}

void ctl_ask_end(struct ctl_ask *ask)
{
	forget_answer(ask);
	free(ask->store);
}

bool ctl_ask_stopped(const struct ctl_ask *ask)
{
	return json_is_true(json_object_get(ask->exchange.done, "stopped")) ||
	       (ask->exchange.input >= 0 && ask->exchange.interrupted);
}

/* What came of it is in the exchange: also why a request did not get through. */
static void converse(struct ctl_ask *ask, json_t *request, int fd)
{
	char why[CONTROL_WHY];

	if (!control_send(fd, ask->store, request, why))
		(void)shutdown(fd, SHUT_WR);
	ctl_exchange_run(&ask->exchange, fd);
}

static int ask_alone(struct ctl_ask *ask, json_t *request)
{
	struct ctl_alone alone = {.store = ask->store, .only_reads = ask->only_reads};
	bool good;

	if (ask->matches && (alone.conf = ctl_config_load(ask->ctl)) == NULL)
		return CTL_CONFIG;
	good = ctl_alone_start(&alone);
	if (good) {
		converse(ask, request, alone.connection);
		ctl_alone_end(&alone);
	}
	conf_unref(alone.conf);
	return good ? CTL_OK : CTL_FAILED;
}

static int ask_with(struct ctl_ask *ask, json_t *request)
{
	char why[CONTROL_WHY];
	int fd, status = CTL_OK;
	enum control_reach reach = control_connect(ask->store, &fd, why);

	if (reach == CONTROL_CONNECTED) {
		converse(ask, request, fd);
		(void)close(fd);
	} else if (reach == CONTROL_ABSENT || ask->only_reads) {
		status = ask_alone(ask, request);
	} else {
		ctl_error("%s", why);
		status = CTL_FAILED;
	}
	return status;
}

/* CTL_OK, or the error is reported. */
static int report_answer(const struct ctl_ask *ask)
{
	const char *error = ctl_answer_text(ask->exchange.done, "error");

	if (ask->exchange.done == NULL)
		error = buf_ok(&ask->exchange.error) ? ask->exchange.error.data : "out of memory";
	if (*error == '\0')
		return CTL_OK;
	ctl_error("%s", error);
	return CTL_FAILED;
}

int ctl_ask_check_copy(struct ctl_ask *ask, int copy)
{
	struct ctl_alone alone = {.store = ask->store, .checks_copy = true, .copy = copy};

	forget_answer(ask);
	if (!ctl_alone_start(&alone))
		return CTL_FAILED;
	ctl_exchange_run(&ask->exchange, alone.connection);
	ctl_alone_end(&alone);
	ctl_progress_end();
	return report_answer(ask);
}

int ctl_ask(struct ctl_ask *ask, json_t *request)
{
	int status = CTL_FAILED;

	forget_answer(ask);
	if (request != NULL)
		status = ask_with(ask, request);
	else
		ctl_error("out of memory");
	json_decref(request);
	ctl_progress_end();
	return status == CTL_OK ? report_answer(ask) : status;
}

bool ctl_ask_hookd(struct ctl_ask *ask, json_t *request, int patience, struct buf *why)
{
	char text[CONTROL_WHY] = "";
	int fd;
	enum control_reach reach = control_connect(ask->store, &fd, text);

	forget_answer(ask);
	if (reach == CONTROL_CONNECTED && request != NULL) {
		ask->exchange.patience = patience;
		converse(ask, request, fd);
		buf_add(why, ask->exchange.error.data, ask->exchange.error.len);
	}
	if (reach == CONTROL_FAILED)
		buf_add_text(why, text);
	if (fd >= 0)
		(void)close(fd);
	json_decref(request);
	return ask->exchange.done != NULL;
}

void ctl_ask_add(json_t **request, const char *name, json_t *value)
{
	if (json_object_set_new(*request, name, value) == 0)
		return;
	json_decref(*request);
	*request = NULL;
}
