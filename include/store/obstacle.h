/* store/obstacle.h - what keeps a store from being opened, and passes by itself. */
#ifndef HOOKD_STORE_OBSTACLE_H
#define HOOKD_STORE_OBSTACLE_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>

/* After store_open has failed for the store at `path`: is its disk full, or does a hookctl work on
 * it alone? Then `why` says which, and store_open is worth another try once it is over. Writes
 * and removes a file without a name beside the store. Any thread; errors count as no obstacle. */
bool store_obstacle(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
