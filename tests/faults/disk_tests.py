"""Disks that fill up or turn read-only: errors in the protocol's shape, no answer without its record, and everything works again when there is room.

The disk is a small tmpfs, so these tests need root; without it they say so and fail.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import common
import harness


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="corbel-disk-") as mountpoint:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", mountpoint], check=True)
        try:
            yield Path(mountpoint)
        finally:
            subprocess.run(["umount", "-l", mountpoint], check=True)


def a_full_disk_gives_errors_and_no_answer_without_a_record() -> None:
    with small_disk("96m") as disk, harness.Mock() as mock, harness.Corbel(common.config(mock.url), data=disk / "data") as corbel:
        assert common.ask(corbel, "before")[0] == 200
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        statuses = set()
        for turn in range(40):
            status, _, body = common.ask(corbel, f"while it is full {turn} " + "y" * 20_000)
            statuses.add(status)
            if status != 200:
                common.error_of(body)
        assert statuses - {200}, "the disk was never full"
        assert statuses <= {200, 500, 503}, statuses
        status, _, body = common.ask(corbel, "a stream " + "z" * 20_000, stream=True)
        assert status != 200 or "[DONE]" not in common.events_of(body), "a stream ended well without its record"
        common.alive(corbel)
        filler.unlink()
        status, headers, _ = common.ask(corbel, "after")
        assert status == 200
        assert common.record(corbel, headers["x-request-id"])["outcome"] == "ok"


def a_read_only_disk_is_told_at_start() -> None:
    with small_disk("8m") as disk, harness.Mock() as mock:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        try:
            harness.Corbel(common.config(mock.url), data=disk / "data").kill()
        except RuntimeError as error:
            assert "read-only" in str(error).lower(), error
        else:
            raise AssertionError("it started on a read-only disk")


TESTS = [a_full_disk_gives_errors_and_no_answer_without_a_record, a_read_only_disk_is_told_at_start]
