/*
 * bad_disk.h - a disk for SQLite that can be full or fail to sync. For tests, instead of the system's own.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Bytes that may still be written past the end of a file; INT64_MAX: any number. */
extern atomic_llong bad_disk_room;

/* Syncs that still work before each fails; negative: all work. */
extern atomic_long bad_disk_syncs;

/* Writes so far, to any file. */
extern atomic_long bad_disk_writes;

/* From now on every database opened in this process lies on it. */
void bad_disk_install(void);
