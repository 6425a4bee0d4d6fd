/* A file of JSON lines to `hookctl import`, after a byte that says how: 1 is
 * --dry-run, 2 --run, 4 goes on. What was imported
 * can be exported, and is there already when that comes back. */
#include "hookctl_fixture.h"

static int run(char *const *words)
{
	char *argv[12];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = words[argc];
	argv[argc] = NULL;
	return fixture_run(argc, argv);
}

static char **words_of(unsigned how)
{
	static char name[] = "hookctl", config[] = "--config", file[] = "hookd.yaml",
		    import[] = "import", in[] = "in", options[][10] = {"--dry-run", "--run"};
	static char *words[8];
	int n = 0;

	for (size_t i = 0; i < 4; i++)
		words[n++] = (char *[]){name, config, file, import}[i];
	for (unsigned i = 0; i < 2; i++)
		if (how & (1u << i))
			words[n++] = options[i];
	words[n++] = in;
	words[n] = NULL;
	return words;
}

static void come_back(void)
{
	char *export[] = {(char[]){"hookctl"}, (char[]){"--config"}, (char[]){"hookd.yaml"},
		(char[]){"export"}, (char[]){"--format"}, (char[]){"ndjson"}, NULL};
	char *again[] = {(char[]){"hookctl"}, (char[]){"--config"}, (char[]){"hookd.yaml"},
		(char[]){"import"}, (char[]){"in"}, NULL};

	if (run(export) != CTL_OK)
		broken("it cannot be exported", 6, export);
	fixture_write("in", fixture.out, fixture.out_len);
	if (run(again) != CTL_OK || strncmp(fixture.out, "0 events imported, ", 19) != 0)
		broken("what was exported is not the same", 5, again);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char **words;
	int status;

	if (size == 0)
		return 0;
	if (fixture.store == NULL)
		fixture_start();
	fixture_reset(data + 1, size - 1);
	words = words_of(data[0]);
	status = run(words);
	if (status != CTL_OK && status != CTL_FAILED)
		broken("no exit code of import's", 4, words);
	if ((status == CTL_OK) != (fixture.said_len == 0))
		broken("what it says and how it ends differ", 4, words);
	if ((data[0] & 5) == 4)
		come_back();
	return 0;
}
