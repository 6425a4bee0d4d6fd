/* store/sqlite/engine.c - SQLite as an engine of the store. */
#include "store/engine.h"
#include "db.h"
#include "session.h"

const struct store_engine store_sqlite = {
	.open = store_db_open,
	.close = store_db_close,
	.write = store_group_write,
	.after_write = store_checkpoint_after_write,
	.make_room = store_slice_make_room,
	.retain = store_retention_slice,
	.announce = store_db_announce,
	.trouble = store_db_trouble,
	.is_paused = store_hook_is_paused,
};

const struct store_session_engine store_sqlite_sessions = {
	.open = store_session_open,
	.close = store_session_close,
	.path = store_session_path,
	.begin = store_session_begin,
	.end = store_session_end,
	.select = store_select,
	.list = store_list,
	.list_changeable = store_list_changeable,
	.list_changeable_ids = store_list_changeable_ids,
	.check = store_check_file,
	.check_copy = store_check_descriptor,
};
