/*
 * sqlite_log.h - the write-ahead log as the writer writes it: a commit's frames in one write.
 */
#pragma once

/*
 * The name of a VFS for sqlite3_open_v2, over the default one of the moment of the first call. Threads may call it at once. NULL: SQLite is out of memory, and its default serves.
 */
const char *sqlite_log_vfs(void);
