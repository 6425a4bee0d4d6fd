/* hookctl/exchange.h - what follows a request of the control protocol (src/README.md): the answers,
 * one JSON object a line, and for an import the lines of its file in the other direction. SIGINT
 * and SIGTERM stop the act after its present slice; a second one ends hookctl at once. The peer is
 * not trusted: its answers are limited in length, and its texts are for printing escaped only. One
 * thread. */
#ifndef HOOKD_CTL_EXCHANGE_H
#define HOOKD_CTL_EXCHANGE_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CTL_ANSWER_MAX ((size_t)1024 * 1024) /* bytes of a message */

struct ctl_exchange {
	/* Each may be NULL. False from `row`: it could not be printed, so the act is stopped. */
	bool (*row)(void *arg, const json_t *row);
	/* Of a backup. False: they could not be written, so the act is stopped. */
	bool (*pages)(void *arg, const json_t *pages);
	void (*fault)(void *arg, const json_t *fault);
	void (*progress)(void *arg, int64_t done, int64_t all); /* of 0: unknown */
	void *arg;
	int input;    /* the file whose lines are sent; -1: none */
	int patience; /* ms to wait for the last message; 0: as long as it takes */

	/* out */
	json_t *done;     /* what the last message says was done, to be released; NULL: none */
	struct buf error; /* why there is none; to be freed */
	bool interrupted; /* the act was asked to stop */
	int input_error;  /* errno of reading the input, which ended there; 0: none */
};

/* Talks on the connection, a stream socket, until the act ends. */
void ctl_exchange_run(struct ctl_exchange *x, int fd);

/* A member of a message: 0 or "" if it is not there, or not of that type. */
int64_t ctl_answer_number(const json_t *object, const char *key);
const char *ctl_answer_text(const json_t *object, const char *key);

#endif
