#!/usr/bin/env python3
"""Fails where a room uses what it may not.

    layers.py [ROOT]

A room is a folder of src/. It may include headers of its own and of the rooms above it in ROOMS, and a third-party
header only if OWNERS gives it to that room. Tests that lie beside a source (x_test.c, and test_x.c for what they share)
may include cmocka besides. Prints `N passed, N failed` last, counting files.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# From the ground up. A room uses only rooms above it in this list.
ROOMS = [
    "base", "crypto", "zip", "json", "text", "rt", "net", "store", "conf", "hook", "telemetry", "access", "money", "infer", "guard",
    "gateway", "knowledge", "cache", "lab", "script", "flow", "answer", "functions", "api", "cli",
]  # fmt: skip

# Third-party headers, by how their path begins, and the rooms that may include them.
OWNERS: dict[str, set[str]] = {
    "openssl/": {"crypto"},
    "zlib.h": {"zip"},
    "zstd.h": {"zip"},
    "zip.h": {"zip"},
    "yyjson.h": {"json"},
    "utf8proc.h": {"text"},
    "uv.h": {"rt"},
    "llhttp.h": {"net"},
    "curl/": {"net"},
    "sqlite3.h": {"store"},
    "libpq-fe.h": {"store"},
    "libfyaml.h": {"conf"},
    "protobuf-c/": {"telemetry"},
    "onnxruntime_c_api.h": {"infer"},
    "xgboost/": {"infer"},
    "pcre2.h": {"guard"},
    "cmark-gfm": {"knowledge"},
    "gumbo.h": {"knowledge"},
    "expat.h": {"knowledge"},
    "expat.h": {"knowledge"},
    "lua.h": {"script"},
    "lauxlib.h": {"script"},
    "lualib.h": {"script"},
}

# What C and the system bring: any room may use it.
SYSTEM = re.compile(
    r"^(?:std(?:align|arg|atomic|bool|def|int|io|lib|noreturn)|assert|ctype|errno|fcntl|fenv|float|inttypes|limits|locale|math|"
    r"setjmp|signal|string|strings|threads|time|wchar|dirent|dlfcn|elf|fnmatch|ftw|getopt|glob|grp|libgen|link|malloc|net/if|netdb|"
    r"poll|pthread|pwd|sched|semaphore|spawn|syslog|termios|ucontext|unistd|utime|cpuid|immintrin|x86intrin|arm_neon|execinfo|"
    r"sys/[a-z0-9_-]+|netinet/[a-z0-9_]+|arpa/[a-z]+|linux/[a-z0-9_]+|sanitizer/[a-z_]+|valgrind/[a-z_]+)\.h$"
)
TEST_ONLY = {"cmocka.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def owner(header: str) -> set[str] | None:
    for prefix, rooms in OWNERS.items():
        if header.startswith(prefix):
            return rooms
    return None


def fault(room: str | None, header: str, quoted: bool, is_test: bool) -> str | None:
    """What is wrong with this include, or None. `room` is None for main.c, which may use every room."""
    if quoted:
        target = header.split("/")[0] if "/" in header else room
        if target is None or (target == room) or (target not in ROOMS and "/" not in header):
            return None
        if target not in ROOMS:
            return f'"{header}" is in no room that the list knows'
        if room is not None and ROOMS.index(target) > ROOMS.index(room):
            return f'"{header}": {target} lies below {room}'
        return None
    if SYSTEM.match(header) or (is_test and header in TEST_ONLY):
        return None
    rooms = owner(header)
    if rooms is None:
        return f"<{header}> has no owner: name one in {Path(__file__).name}, or do without it"
    if room not in rooms:
        return f"<{header}> belongs to {', '.join(sorted(rooms))}"
    return None


def check(path: Path, src: Path) -> list[str]:
    parts = path.relative_to(src).parts
    room = parts[0] if len(parts) > 1 else None
    if room is not None and room not in ROOMS:
        return [f"{path}: src/{room} is no room that the list knows"]
    is_test = path.name.endswith("_test.c") or path.name.startswith("test_")
    faults = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            what = fault(room, match[1] or match[2], match[1] is not None, is_test)
            if what:
                faults.append(f"{path}:{number}: {what}")
    return faults


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    src = root / "src"
    files = sorted([*src.rglob("*.c"), *src.rglob("*.h")])
    if not files:
        print(f"no sources under {src}", file=sys.stderr)
        return 2
    failed = 0
    for path in files:
        faults = check(path, src)
        failed += bool(faults)
        print("".join(f"{line}\n" for line in faults), end="")
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
