#include "base/duration.h"

const struct number_unit duration_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

bool duration_read(const char *text, int64_t *ms)
{
	return number_read_unit(text, duration_units, ms);
}

void duration_add(struct buf *out, int64_t ms)
{
	number_add_unit(out, duration_units, ms);
}
