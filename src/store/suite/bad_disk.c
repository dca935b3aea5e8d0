/*
 * bad_disk.c - a VFS over SQLite's default one that passes everything on but growth and syncs. See bad_disk.h.
 */
#include "store/suite/bad_disk.h"

#include <sqlite3.h>
#include <string.h>

atomic_llong bad_disk_room = INT64_MAX;
atomic_long bad_disk_syncs = -1;
atomic_long bad_disk_writes;

struct bad_file {
	sqlite3_file base;
	sqlite3_file *real; /* right behind this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs bad_vfs;

#define REAL(file) (((struct bad_file *)(file))->real)

static int
bad_close(sqlite3_file *file)
{
	return REAL(file)->pMethods->xClose(REAL(file));
}

static int
bad_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
	return REAL(file)->pMethods->xRead(REAL(file), out, size, offset);
}

static int
bad_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	sqlite3_int64 end = 0, growth;

	atomic_fetch_add(&bad_disk_writes, 1);
	REAL(file)->pMethods->xFileSize(REAL(file), &end);
	growth = offset + size - end;
	if (growth > 0 && atomic_load(&bad_disk_room) != INT64_MAX && atomic_fetch_sub(&bad_disk_room, growth) < growth) {
		atomic_fetch_add(&bad_disk_room, growth);
		return SQLITE_FULL;
	}
	return REAL(file)->pMethods->xWrite(REAL(file), bytes, size, offset);
}

static int
bad_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return REAL(file)->pMethods->xTruncate(REAL(file), size);
}

static int
bad_sync(sqlite3_file *file, int flags)
{
	if (atomic_load(&bad_disk_syncs) == 0)
		return SQLITE_IOERR_FSYNC;
	if (atomic_load(&bad_disk_syncs) > 0)
		atomic_fetch_sub(&bad_disk_syncs, 1);
	return REAL(file)->pMethods->xSync(REAL(file), flags);
}

static int
bad_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	return REAL(file)->pMethods->xFileSize(REAL(file), out);
}

static int
bad_lock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int
bad_unlock(sqlite3_file *file, int level)
{
	return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int
bad_check_reserved_lock(sqlite3_file *file, int *out)
{
	return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static int
bad_file_control(sqlite3_file *file, int op, void *arg)
{
	return REAL(file)->pMethods->xFileControl(REAL(file), op, arg);
}

static int
bad_sector_size(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int
bad_device_characteristics(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int
bad_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), page, size, extend, out);
}

static int
bad_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return REAL(file)->pMethods->xShmLock(REAL(file), offset, count, flags);
}

static void
bad_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int
bad_shm_unmap(sqlite3_file *file, int delete)
{
	return REAL(file)->pMethods->xShmUnmap(REAL(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = bad_close,
	.xRead = bad_read,
	.xWrite = bad_write,
	.xTruncate = bad_truncate,
	.xSync = bad_sync,
	.xFileSize = bad_file_size,
	.xLock = bad_lock,
	.xUnlock = bad_unlock,
	.xCheckReservedLock = bad_check_reserved_lock,
	.xFileControl = bad_file_control,
	.xSectorSize = bad_sector_size,
	.xDeviceCharacteristics = bad_device_characteristics,
	.xShmMap = bad_shm_map,
	.xShmLock = bad_shm_lock,
	.xShmBarrier = bad_shm_barrier,
	.xShmUnmap = bad_shm_unmap,
};

static int
bad_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct bad_file *bad = (struct bad_file *)file;
	int code;

	(void)vfs;
	bad->real = (sqlite3_file *)(bad + 1);
	code = real_vfs->xOpen(real_vfs, name, bad->real, flags, out_flags);
	bad->base.pMethods = bad->real->pMethods ? &methods : NULL;
	return code;
}

void
bad_disk_install(void)
{
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	bad_vfs = *real_vfs;
	bad_vfs.zName = "bad-disk";
	bad_vfs.szOsFile = (int)sizeof(struct bad_file) + real_vfs->szOsFile;
	bad_vfs.xOpen = bad_open;
	sqlite3_vfs_register(&bad_vfs, 1);
}
