"""What the command line's tests share."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from harness import program

# A client command must not find the developer's own server or key.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("CORBEL_")}


def corbel(*arguments: str | Path, env: dict[str, str] | None = None, cwd: str | Path | None = None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in an environment without any CORBEL_ variable but those given."""
    command = [str(part) for part in (program("corbel"), *arguments)]
    return subprocess.run(command, env={**CLEAN, **(env or {})}, cwd=cwd, input=text, capture_output=True, text=True, timeout=120, check=False)


def directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="corbel-test-")


def expect(done: subprocess.CompletedProcess[str], status: int, *parts: str) -> None:
    """The exit status, and texts that must be among what it said."""
    said = done.stdout + done.stderr
    assert done.returncode == status, f"exit {done.returncode}, not {status}:\n{said}"
    for part in parts:
        assert part in said, f"{part!r} is not in:\n{said}"
