#include "options.h"

#include "base/secret.h"
#include "conf/conf.h"
#include "conf/explain.h"
#include "listener/listener.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "Usage: hookd [--config FILE] [--check [--explain]]\n"
			    "  -c, --config FILE  the configuration (" CONF_DEFAULT_FILE ")\n"
			    "      --check        only check it: exit 0, or 78 and every error\n"
			    "      --explain      with --check: explain the config in words\n"
			    "  -V, --version\n"
			    "  -h, --help\n"
			    "See hookd(8) and hookd.yaml(5).\n";

int options_read(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"explain", no_argument, NULL, 'e'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*o = (struct options){.config = CONF_DEFAULT_FILE};
	while ((c = getopt_long(argc, argv, "c:Vh", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'e':
			o->explain = true;
			break;
		case 'V':
			puts("hookd " HOOKD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hookd: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return 2;
	}
	if (o->explain && !o->check) {
		fprintf(stderr, "hookd: --explain needs --check\n%s", usage);
		return 2;
	}
	return -1;
}

static void print(const struct buf *b, FILE *to)
{
	(void)fwrite(b->data != NULL ? b->data : "", 1, b->len, to);
}

static void check_tls(const struct conf *conf, struct buf *errors, struct buf *cautions)
{
	if (conf->tls.certificate != NULL && !secret_is_assumed(conf->tls.certificate) &&
		!secret_is_assumed(conf->tls.key))
		listener_check_tls(conf, errors, cautions);
}

static void print_good(const struct options *o, const struct conf *conf)
{
	struct buf words = {0};

	printf("%s: ok, sources: %zu, hooks: %zu\n", o->config, conf->source_count,
		conf->hook_count);
	if (o->explain)
		conf_explain(conf, &words);
	print(&words, stdout);
	buf_free(&words);
}

int options_check_config(const struct options *o)
{
	struct buf errors = {0}, cautions = {0};
	struct conf *conf;

	secret_find_credentials();
	secret_assume_credentials();
	conf = conf_load(o->config, &cautions);
	bool good = conf != NULL;
	if (good)
		check_tls(conf, &errors, &cautions);
	if (secret_was_assumed())
		buf_add_text(&cautions, "warning: credentials were not checked: hookd.service does "
					"not run, or only root can read them\n");
	good = good && errors.len == 0;
	print(&cautions, stderr);
	print(&errors, stderr);
	if (good)
		print_good(o, conf);
	buf_free(&cautions);
	buf_free(&errors);
	conf_unref(conf);
	return good ? EXIT_SUCCESS : EXIT_CONFIG;
}
