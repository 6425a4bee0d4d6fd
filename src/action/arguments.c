#include "arguments.h"

#include "event/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VARIABLES = 10 }; /* HOOKD_… */

struct strings {
	char **list;
	size_t count;
	size_t bytes; /* as execve(2) counts them against its limit */
};

static bool strings_open(struct strings *s, size_t room)
{
	*s = (struct strings){.list = calloc(room + 1, sizeof(char *))};
	return s->list != NULL;
}

static bool strings_take(struct strings *s, char *string)
{
	if (string == NULL)
		return false;
	s->bytes += strlen(string) + 1 + sizeof(char *);
	s->list[s->count++] = string;
	return true;
}

static void strings_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static bool add_variable(struct strings *s, const char *format, ...) PRINTF(2, 3);

static bool add_variable(struct strings *s, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return strings_take(s, buf_take(&text));
}

/* Where a string comes from; messages call it `what`. */
struct string_source {
	const char *name; /* of a variable; NULL: an argument */
	const struct template *value;
	char what[96];
};

static enum attempt_result no_memory(char why[SCRIPT_ARGUMENTS_WHY])
{
	(void)snprintf(why, SCRIPT_ARGUMENTS_WHY, "out of memory");
	return ATTEMPT_TEMPFAIL;
}

static enum attempt_result fail_for_good(
	char why[SCRIPT_ARGUMENTS_WHY], const char *what, const char *format, ...) PRINTF(3, 4);

static enum attempt_result fail_for_good(
	char why[SCRIPT_ARGUMENTS_WHY], const char *what, const char *format, ...)
{
	va_list args;
	int n = snprintf(why, SCRIPT_ARGUMENTS_WHY, "%s: ", what);

	va_start(args, format);
	if (n > 0 && n < SCRIPT_ARGUMENTS_WHY)
		(void)vsnprintf(why + n, SCRIPT_ARGUMENTS_WHY - (size_t)n, format, args);
	va_end(args);
	return ATTEMPT_PERMFAIL;
}

static enum attempt_result add_rendered(struct strings *s, const struct string_source *source,
	const json_t *document, char why[SCRIPT_ARGUMENTS_WHY])
{
	struct buf text = {0};
	char fault[TEMPLATE_WHY];
	enum template_result result;
	size_t len;

	if (source->name != NULL)
		buf_printf(&text, "%s=", source->name);
	result = template_render(source->value, document, TEMPLATE_REFUSE, &text, fault);
	len = text.len;
	if (result == TEMPLATE_OK &&
		memchr(text.data != NULL ? text.data : "", '\0', len) != NULL) {
		buf_free(&text);
		return fail_for_good(why, source->what, "has a NUL byte from the event");
	}
	if (result != TEMPLATE_OK || !strings_take(s, buf_take(&text))) {
		buf_free(&text);
		return result == TEMPLATE_FAULT ? fail_for_good(why, source->what, "%s", fault)
						: no_memory(why);
	}
	if (len > SCRIPT_ARGUMENT_MAX)
		return fail_for_good(why, source->what,
			"is %zu bytes long: Linux takes at most %zu (the whole event is on "
			"standard input)",
			len, SCRIPT_ARGUMENT_MAX);
	return ATTEMPT_OK;
}

/* Does the argument start with a "-" that came from the event, not from the config? */
static bool dash_from_event(const struct template *value, const char *text)
{
	size_t prefix;

	(void)template_prefix(value, &prefix);
	return text[0] == '-' && prefix == 0 && !template_is_constant(value);
}

/* What both are made from. */
struct making {
	const struct conf *conf;
	const struct conf_hook *hook;
	const struct delivery_job *job;
	const json_t *document;
	bool shown;
};

static const struct template *template_of(const struct making *m, const struct template *t)
{
	return m->shown ? template_shown(t) : t;
}

static enum attempt_result make_argv(
	struct strings *s, const struct making *m, char why[SCRIPT_ARGUMENTS_WHY])
{
	const struct conf_action *does = m->hook->action;
	const char *program =
		m->shown ? conf_shown(m->conf, &does->program, does->program) : does->program;

	if (!strings_open(s, does->run.count + 1) || !strings_take(s, strdup(program)))
		return no_memory(why);
	for (size_t i = 0; i < does->run.count; i++) {
		struct string_source source = {.value = template_of(m, does->run.list[i])};
		enum attempt_result result;

		(void)snprintf(source.what, sizeof(source.what), "run[%zu]", i + 2);
		result = add_rendered(s, &source, m->document, why);
		if (result != ATTEMPT_OK)
			return result;
		if (!does->allow_dash && dash_from_event(source.value, s->list[s->count - 1]))
			return fail_for_good(why, source.what,
				"starts with a \"-\" from the event, which the program might take "
				"for an option (allow_dash: true allows it)");
	}
	return ATTEMPT_OK;
}

/* Of a replay: the key without what it has added. */
static bool add_replay_variables(struct strings *s, const struct delivery_job *job)
{
	size_t len = strlen(job->idempotency_key);
	char added[40];

	if (job->replay_of == 0)
		return true;
	(void)snprintf(added, sizeof(added), "/replay/%" PRId64, job->delivery);
	if (len > strlen(added))
		len -= strlen(added);
	return add_variable(s, "HOOKD_REPLAY_OF=%" PRId64, job->replay_of) &&
	       add_variable(s, "HOOKD_ORIGINAL_KEY=%.*s", (int)len, job->idempotency_key);
}

static bool add_hookd_variables(
	struct strings *s, const struct conf_hook *hook, const struct delivery_job *job)
{
	return add_variable(s, "HOOKD_EVENT_ID=%" PRId64, job->event) &&
	       add_variable(s, "HOOKD_EVENT_TYPE=%s", job->type) &&
	       add_variable(s, "HOOKD_SOURCE=%s", job->source) &&
	       add_variable(s, "HOOKD_ORIGIN=%s", job->origin != NULL ? job->origin : "manual") &&
	       add_variable(s, "HOOKD_HOOK=%s", hook->name) &&
	       add_variable(s, "HOOKD_DELIVERY_ID=%" PRId64, job->delivery) &&
	       add_variable(s, "HOOKD_ATTEMPT=%u", job->attempt) &&
	       add_variable(s, "HOOKD_IDEMPOTENCY_KEY=%s", job->idempotency_key) &&
	       add_replay_variables(s, job);
}

static enum attempt_result make_env(
	struct strings *s, const struct making *m, char why[SCRIPT_ARGUMENTS_WHY])
{
	const struct conf_action *does = m->hook->action;
	size_t base = 0;

	while (does->base_env != NULL && does->base_env[base] != NULL)
		base++;
	if (!strings_open(s, base + does->env_count + VARIABLES))
		return no_memory(why);
	for (size_t i = 0; i < base; i++)
		if (!strings_take(s, strdup(does->base_env[i])))
			return no_memory(why);
	for (size_t i = 0; i < does->env_count; i++) {
		struct string_source source = {
			.name = does->env[i].name, .value = template_of(m, does->env[i].value)};
		enum attempt_result result;

		(void)snprintf(source.what, sizeof(source.what), "env.%.80s", does->env[i].name);
		result = add_rendered(s, &source, m->document, why);
		if (result != ATTEMPT_OK)
			return result;
	}
	return add_hookd_variables(s, m->hook, m->job) ? ATTEMPT_OK : no_memory(why);
}

/* Does any template use the event? Parsing that costs more than everything else here. */
static bool needs_document(const struct conf_action *does)
{
	for (size_t i = 0; i < does->run.count; i++)
		if (!template_is_constant(does->run.list[i]))
			return true;
	for (size_t i = 0; i < does->env_count; i++)
		if (!template_is_constant(does->env[i].value))
			return true;
	return false;
}

enum attempt_result script_arguments_make(struct script_arguments *arguments,
	const struct conf *conf, const struct conf_hook *hook, const struct delivery_job *job,
	bool shown, char why[SCRIPT_ARGUMENTS_WHY])
{
	bool needed = needs_document(hook->action);
	json_t *document = needed ? document_of_job(job, hook->name) : NULL;
	const struct making m = {conf, hook, job, document, shown};
	struct strings argv = {0}, env = {0};
	long most = sysconf(_SC_ARG_MAX);
	enum attempt_result result;

	*arguments = (struct script_arguments){0};
	if (needed && document == NULL)
		return no_memory(why);
	result = make_argv(&argv, &m, why);
	if (result == ATTEMPT_OK)
		result = make_env(&env, &m, why);
	json_decref(document);
	arguments->argv = argv.list;
	arguments->env = env.list;
	/* 4096: for what the kernel itself adds */
	if (result == ATTEMPT_OK && most > 0 && argv.bytes + env.bytes + 4096 > (size_t)most)
		return fail_for_good(why, "run and env",
			"are %zu bytes together: this system takes at most %ld (the whole event is "
			"on standard input)",
			argv.bytes + env.bytes, most - 4096);
	return result;
}

void script_arguments_free(struct script_arguments *arguments)
{
	strings_free(arguments->argv);
	strings_free(arguments->env);
	*arguments = (struct script_arguments){0};
}
