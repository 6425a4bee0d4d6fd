/* conf/value/choice.c - values that must be one of several words: booleans, choices, schemes, the
 * names of sources. */
#include "conf/read.h"

#include <stdlib.h>
#include <string.h>

bool conf_read_bool(const struct conf_value *v)
{
	const char *text = conf_value_some_text(v);
	bool yes;

	if (text == NULL)
		return false;
	yes = strcmp(text, "true") == 0;
	if (!yes && strcmp(text, "false") != 0)
		return conf_value_refuse(v, "is not a boolean");
	*(bool *)v->target = yes;
	return true;
}

/* Index into choices; -1: reported. */
static int read_choice(const struct conf_value *v, const char *const *choices)
{
	const char *text = conf_value_some_text(v);
	struct conf_guess guess = {.word = v->node->text != NULL ? v->node->text : ""};
	char quoted[CONF_QUOTED], expected[CONF_EXPECTED], meant[CONF_GUESS];

	if (text == NULL)
		return -1;
	for (int i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], text) == 0)
			return i;
		conf_guess_try(&guess, choices[i]);
	}
	conf_refuse(v, "unknown %s %s: expected %s%s", v->key->name, conf_value_quote(v, quoted),
		conf_expected(v->key, expected), conf_guess_text(&guess, meant));
	return -1;
}

bool conf_read_choice(const struct conf_value *v)
{
	int choice = read_choice(v, v->key->words);

	if (choice < 0)
		return false;
	choice += (int)v->key->min;
	memcpy(v->target, &choice, sizeof(choice));
	return true;
}

bool conf_read_word(const struct conf_value *v)
{
	int choice = read_choice(v, v->key->words);

	if (choice < 0)
		return false;
	*(const char **)v->target = v->key->words[choice];
	return true;
}

bool conf_read_scheme(const struct conf_value *v)
{
	const char *names[33] = {NULL};
	int choice;

	for (size_t i = 0; i + 1 < 33 && sender_at(i) != NULL; i++)
		names[i] = sender_at(i)->name;
	choice = read_choice(v, names);
	if (choice < 0)
		return false;
	*(const struct sender **)v->target = sender_at((size_t)choice);
	return true;
}

/* NULL: reported, unless the mistake is in another value. */
static const struct conf_source *read_source(const struct conf_value *v)
{
	const struct conf *conf = v->reader->conf;
	const char *text = conf_value_some_text(v);
	const struct conf_source *source;
	struct conf_guess guess = {.word = v->node->text != NULL ? v->node->text : ""};
	char quoted[CONF_QUOTED], expected[CONF_EXPECTED], meant[CONF_GUESS];

	if (text == NULL)
		return NULL;
	source = conf_source_by_name(conf, text);
	if (source != NULL)
		return source;
	for (size_t i = 0; i < conf->source_count; i++) {
		/* it may be the source that is meant, and its error has been reported */
		if (conf->sources[i].name == NULL)
			return NULL;
		conf_guess_try(&guess, conf->sources[i].name);
	}
	if (conf->source_count == 0)
		return NULL; /* reported, too */
	if (conf->source_count == 1)
		guess.best = conf->sources[0].name;
	conf_refuse(v, "unknown source %s: expected %s%s", conf_value_quote(v, quoted),
		conf_expected(v->key, expected), conf_guess_text(&guess, meant));
	return NULL;
}

bool conf_read_ref(const struct conf_value *v)
{
	const struct conf_source *source = read_source(v);

	if (source == NULL)
		return false;
	*(const struct conf_source **)v->target = source;
	return true;
}

bool conf_read_refs(const struct conf_value *v)
{
	const struct conf_source **sources;
	char quoted[CONF_QUOTED];
	void *items;
	size_t count, n = 0;
	bool good = true;

	if (!conf_list_open(v, true, sizeof(const struct conf_source *), &items, &count))
		return false;
	sources = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);
		size_t k = 0;

		sources[n] = read_source(&item);
		good = good && sources[n] != NULL;
		while (k < n && sources[k] != sources[n])
			k++;
		if (sources[n] != NULL && k < n)
			conf_warn(&item, "%s is listed twice", conf_value_quote(&item, quoted));
		else
			n++;
	}
	if (good)
		conf_list_store(v, sources, n);
	else
		free(sources);
	return good;
}
