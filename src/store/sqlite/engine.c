/* store/sqlite/engine.c - SQLite as an engine of the store. */
#include "store/engine.h"
#include "db.h"

const struct store_engine store_sqlite = {
	.open = store_db_open,
	.close = store_db_close,
	.write = store_group_write,
	.after_write = store_checkpoint_after_write,
	.retain = store_retention_slice,
	.is_paused = store_hook_is_paused,
};
