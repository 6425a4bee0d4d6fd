/* conf/value/program.c - programs and their arguments. */
#include "conf/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Why the program at `path` cannot be run now; NULL: it can. */
static const char *program_fault(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return "is a directory";
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	/* checked as hookd's user; for the action's user this is found out when it runs */
	if (access(path, X_OK) < 0)
		return errno == EACCES ? "is not executable (chmod +x)" : strerror(errno);
	return NULL;
}

/* The program of an argv, as an absolute path. Returns new; NULL: reported. */
static char *read_program(const struct conf_value *item)
{
	const char *text = conf_value_text(item), *fault;
	char quoted[CONF_QUOTED], *path;

	if (text == NULL)
		return NULL;
	if (text[0] == '\0') {
		conf_refuse(item, "is empty: expected the path of a program");
		return NULL;
	}
	path = conf_path(item, text);
	if (path == NULL)
		return NULL;
	fault = program_fault(path);
	if (fault == NULL)
		return path;
	if (conf_value_has_environment(item))
		conf_value_quote(item, quoted);
	else
		conf_quote(path, quoted);
	conf_refuse(item, "%s: %s: expected an executable file%s", quoted, fault,
		strstr(item->node->text, "{{") != NULL ? " (a program's path is not a template)"
						       : "");
	free(path);
	return NULL;
}

static bool is_shell(const char *program)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "ksh", "zsh"};
	const char *slash = strrchr(program, '/'), *name = slash != NULL ? slash + 1 : program;

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
		if (strcmp(name, shells[i]) == 0)
			return true;
	return false;
}

/* A shell runs the text after -c, even if the event wrote it. */
static void warn_of_shell(
	const struct conf_value *v, const char *program, const struct conf_templates *run)
{
	struct conf_value item;

	if (!is_shell(program) || run->count < 2 ||
		strcmp(template_text(run->list[0]), "-c") != 0 ||
		template_is_constant(run->list[1]))
		return;
	item = conf_value_item(v, 2);
	conf_warn(&item,
		"the shell would run what an event puts here: expected \"$1\", and the {{}} in "
		"arguments of their own, [..., -c, 'PROGRAM', sh, ARGUMENT]");
}

bool conf_read_run(const struct conf_value *v)
{
	struct conf_action *action = v->target;
	struct conf_templates run = {0};
	struct conf_value item;
	char *program;
	void *items;
	size_t count;
	bool good;

	if (!conf_list_open(v, false, sizeof(struct template *), &items, &count))
		return false;
	run.list = items;
	item = conf_value_item(v, 0);
	program = read_program(&item);
	conf_note_written(&item, &action->program);
	good = program != NULL;
	for (; run.count + 1 < count; run.count++) {
		item = conf_value_item(v, run.count + 1);
		good = conf_parse_template(&item, TEMPLATE_TEXT, &run.list[run.count]) && good;
	}
	if (good) {
		warn_of_shell(v, program, &run);
		action->program = program;
		action->run = run;
	} else {
		free(program);
		conf_free_templates(&run);
	}
	return good;
}

bool conf_read_command(const struct conf_value *v)
{
	char **command;
	void *items;
	size_t count, n = 0;
	bool good = true;

	if (!conf_list_open(v, true, sizeof(*command), &items, &count))
		return false;
	command = items;
	for (size_t i = 0; i < count; i++) {
		struct conf_value item = conf_value_item(v, i);
		const char *text = i > 0 ? conf_value_text(&item) : NULL;
		char *argument = i > 0 ? NULL : read_program(&item);

		conf_note_written(&item, &command[i]);
		if (text != NULL && (argument = strdup(text)) == NULL)
			v->reader->errors.no_memory = true;
		if (argument == NULL)
			good = false;
		else
			command[n++] = argument;
	}
	if (good)
		*(char ***)v->target = command;
	else
		conf_free_texts(command);
	return good;
}
