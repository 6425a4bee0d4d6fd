/* Any bytes as a config: it is read, or refused with reasons. */
#include "conf/conf.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct buf errors = {0};

	if (sodium_init() < 0)
		abort();
	struct conf *conf = conf_parse("/fuzz/hookd.yaml", data, size, &errors);

	if (conf == NULL && errors.len == 0)
		abort(); /* a refusal says why */
	for (const char *p = errors.data; p != NULL && *p != '\0'; p++)
		if (*p != '\n' && ((unsigned char)*p < ' ' || *p == 0x7f))
			abort(); /* each error is one line, safe for a terminal */
	conf_unref(conf);
	buf_free(&errors);
	return 0;
}
