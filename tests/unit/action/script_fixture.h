/* script_fixture.h - a struct conf with script hooks, made by hand, and a log captured in a
 * file. */
#ifndef HOOKD_SCRIPT_FIXTURE_H
#define HOOKD_SCRIPT_FIXTURE_H

#include "conf/conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A list of n texts, NULL at the end, all new. */
static inline char **fixture_texts(size_t n, const char *const *texts)
{
	char **list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		list[i] = strdup(texts[i]);
	if (!list)
		abort();
	return list;
}

static inline struct template *fixture_template(const char *text)
{
	struct fault fault;
	struct template *t = template_parse(text, strlen(text), TEMPLATE_TEXT, &fault);
	if (!t)
		abort();
	return t;
}

/* Replaces what it runs: the arguments are templates, NULL at the end. */
static inline void fixture_run(
	struct conf_action *does, const char *program, const char *const *arguments)
{
	for (size_t i = 0; i < does->run.count; i++)
		template_free(does->run.list[i]);
	free(does->run.list);
	free(does->program);
	does->program = strdup(program);
	does->run.count = 0;
	while (arguments[does->run.count] != NULL)
		does->run.count++;
	does->run.list = calloc(does->run.count + 1, sizeof(*does->run.list));
	for (size_t i = 0; i < does->run.count; i++)
		does->run.list[i] = fixture_template(arguments[i]);
}

static inline struct conf *fixture_conf(size_t hooks, unsigned concurrency)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	if (!conf)
		abort();
	conf->references = 1;
	conf->hooks = calloc(hooks + 1, sizeof(*conf->hooks));
	conf->hook_count = hooks;
	conf->all = calloc(hooks + 1, sizeof(*conf->all));
	conf->all_count = hooks;
	conf->limits.concurrency = concurrency;
	conf->limits.grace = 60000;
	return conf;
}

/* A hook that runs `script` with /bin/sh. Its timeouts are long: a test sets shorter ones. */
static inline struct conf_hook *fixture_hook(
	struct conf *conf, size_t index, const char *name, int64_t id, const char *script)
{
	struct conf_hook *hook = &conf->hooks[index];
	conf->all[index] = hook;
	hook->name = strdup(name);
	hook->store_id = id;
	hook->action = &hook->own;
	fixture_run(&hook->own, "/bin/sh", (const char *const[]){"-c", script, NULL});
	hook->own.base_env =
		fixture_texts(2, (const char *const[]){"PATH=/usr/bin:/bin", "HOME=/home/awa"});
	hook->own.directory = strdup("/");
	hook->own.timeout = 600000;
	hook->own.kill_after = 600000;
	hook->own.output = 65536;
	hook->own.concurrency = 4;
	hook->own.retry = (struct conf_retry){.attempts = 3, .first = 20, .max = 40};
	return hook;
}

struct fixture_log {
	int stderr_before;
	FILE *file;
};

static inline void fixture_log_catch(struct fixture_log *log)
{
	log->file = tmpfile();
	log->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (!log->file || log->stderr_before < 0 || dup2(fileno(log->file), STDERR_FILENO) < 0)
		abort();
}

/* Ends the capture and returns what was logged, new. */
static inline char *fixture_log_release(struct fixture_log *log)
{
	char *text = calloc(1, 1 << 20);
	if (!text || dup2(log->stderr_before, STDERR_FILENO) < 0)
		abort();
	close(log->stderr_before);
	rewind(log->file);
	text[fread(text, 1, (1 << 20) - 1, log->file)] = '\0';
	fclose(log->file);
	return text;
}

#endif
