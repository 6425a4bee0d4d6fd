#include "words.h"

#include "event/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VARIABLES = 7 }; /* HOOKD_… */

struct words {
	char **list;
	size_t count;
	size_t bytes; /* as execve(2) counts them */
};

static bool words_open(struct words *w, size_t room)
{
	*w = (struct words){.list = calloc(room + 1, sizeof(char *))};
	return w->list != NULL;
}

static bool words_take(struct words *w, char *word)
{
	if (word == NULL)
		return false;
	w->bytes += strlen(word) + 1 + sizeof(char *);
	w->list[w->count++] = word;
	return true;
}

static void words_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static bool add_variable(struct words *w, const char *format, ...) PRINTF(2, 3);

static bool add_variable(struct words *w, const char *format, ...)
{
	struct buf text = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return words_take(w, buf_take(&text));
}

/* What makes a word; messages name it by `what`. */
struct word {
	const char *name; /* of a variable; NULL: an argument */
	const struct template *value;
	char what[96];
};

static enum attempt_result no_memory(char why[SCRIPT_WORDS_WHY])
{
	(void)snprintf(why, SCRIPT_WORDS_WHY, "out of memory");
	return ATTEMPT_TEMPFAIL;
}

static enum attempt_result refuse(
	char why[SCRIPT_WORDS_WHY], const char *what, const char *format, ...) PRINTF(3, 4);

static enum attempt_result refuse(
	char why[SCRIPT_WORDS_WHY], const char *what, const char *format, ...)
{
	va_list args;
	int n = snprintf(why, SCRIPT_WORDS_WHY, "%s: ", what);

	va_start(args, format);
	if (n > 0 && n < SCRIPT_WORDS_WHY)
		(void)vsnprintf(why + n, SCRIPT_WORDS_WHY - (size_t)n, format, args);
	va_end(args);
	return ATTEMPT_PERMFAIL;
}

static enum attempt_result add_word(struct words *w, const struct word *word,
	const json_t *document, char why[SCRIPT_WORDS_WHY])
{
	struct buf text = {0};
	char fault[TEMPLATE_WHY];
	enum template_result result;
	size_t len;

	if (word->name != NULL)
		buf_printf(&text, "%s=", word->name);
	result = template_render(word->value, document, TEMPLATE_REFUSE, &text, fault);
	len = text.len;
	if (result == TEMPLATE_OK &&
		memchr(text.data != NULL ? text.data : "", '\0', len) != NULL) {
		buf_free(&text);
		return refuse(why, word->what, "has a NUL byte from the event in it");
	}
	if (result != TEMPLATE_OK || !words_take(w, buf_take(&text))) {
		buf_free(&text);
		return result == TEMPLATE_FAULT ? refuse(why, word->what, "%s", fault)
						: no_memory(why);
	}
	if (len > SCRIPT_WORD_MAX)
		return refuse(why, word->what,
			"is %zu bytes long: Linux takes at most %zu (the whole event is on "
			"standard input)",
			len, SCRIPT_WORD_MAX);
	return ATTEMPT_OK;
}

/* Did the event, and not the config, put a - in front? */
static bool dash_from_event(const struct template *value, const char *text)
{
	size_t prefix;

	(void)template_prefix(value, &prefix);
	return text[0] == '-' && prefix == 0 && !template_is_constant(value);
}

static enum attempt_result make_argv(struct words *w, const struct conf_action *does,
	const json_t *document, char why[SCRIPT_WORDS_WHY])
{
	if (!words_open(w, does->run.count + 1) || !words_take(w, strdup(does->program)))
		return no_memory(why);
	for (size_t i = 0; i < does->run.count; i++) {
		struct word word = {.value = does->run.list[i]};
		enum attempt_result result;

		(void)snprintf(word.what, sizeof(word.what), "run[%zu]", i + 2);
		result = add_word(w, &word, document, why);
		if (result != ATTEMPT_OK)
			return result;
		if (!does->allow_dash && dash_from_event(word.value, w->list[w->count - 1]))
			return refuse(why, word.what,
				"begins with a \"-\" from the event, which the program might take "
				"for an option (allow_dash: true allows it)");
	}
	return ATTEMPT_OK;
}

static bool add_own_variables(
	struct words *w, const struct conf_hook *hook, const struct delivery_job *job)
{
	return add_variable(w, "HOOKD_EVENT_ID=%" PRId64, job->event) &&
	       add_variable(w, "HOOKD_EVENT_TYPE=%s", job->type) &&
	       add_variable(w, "HOOKD_SOURCE=%s", job->source) &&
	       add_variable(w, "HOOKD_HOOK=%s", hook->name) &&
	       add_variable(w, "HOOKD_DELIVERY_ID=%" PRId64, job->delivery) &&
	       add_variable(w, "HOOKD_ATTEMPT=%u", job->attempt) &&
	       add_variable(w, "HOOKD_IDEMPOTENCY_KEY=%s", job->idempotency_key);
}

static enum attempt_result make_env(struct words *w, const struct conf_hook *hook,
	const struct delivery_job *job, const json_t *document, char why[SCRIPT_WORDS_WHY])
{
	const struct conf_action *does = hook->action;
	size_t base = 0;

	while (does->base_env != NULL && does->base_env[base] != NULL)
		base++;
	if (!words_open(w, base + does->env_count + VARIABLES))
		return no_memory(why);
	for (size_t i = 0; i < base; i++)
		if (!words_take(w, strdup(does->base_env[i])))
			return no_memory(why);
	for (size_t i = 0; i < does->env_count; i++) {
		struct word word = {.name = does->env[i].name, .value = does->env[i].value};
		enum attempt_result result;

		(void)snprintf(word.what, sizeof(word.what), "env.%.80s", does->env[i].name);
		result = add_word(w, &word, document, why);
		if (result != ATTEMPT_OK)
			return result;
	}
	return add_own_variables(w, hook, job) ? ATTEMPT_OK : no_memory(why);
}

/* Whether any word asks for something of the event: to take that apart costs more than
 * all the rest here. */
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

enum attempt_result script_words_make(struct script_words *words, const struct conf_hook *hook,
	const struct delivery_job *job, char why[SCRIPT_WORDS_WHY])
{
	bool needed = needs_document(hook->action);
	json_t *document = needed ? document_of_job(job, hook->name) : NULL;
	struct words argv = {0}, env = {0};
	long most = sysconf(_SC_ARG_MAX);
	enum attempt_result result;

	*words = (struct script_words){0};
	if (needed && document == NULL)
		return no_memory(why);
	result = make_argv(&argv, hook->action, document, why);
	if (result == ATTEMPT_OK)
		result = make_env(&env, hook, job, document, why);
	json_decref(document);
	words->argv = argv.list;
	words->env = env.list;
	/* 4096: what the kernel puts there itself */
	if (result == ATTEMPT_OK && most > 0 && argv.bytes + env.bytes + 4096 > (size_t)most)
		return refuse(why, "run and env",
			"are %zu bytes together: this system takes at most %ld (the whole event is "
			"on standard input)",
			argv.bytes + env.bytes, most - 4096);
	return result;
}

void script_words_free(struct script_words *words)
{
	words_free(words->argv);
	words_free(words->env);
	*words = (struct script_words){0};
}
