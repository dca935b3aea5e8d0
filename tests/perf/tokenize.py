#!/usr/bin/env python3
"""How long counting the tokens of a megabyte takes, beside the reference (PyPI `tiktoken`) in the same run.

Texts: pages of the PostgreSQL manual as their source, corbel's own C, made-up words in Chinese and Russian letters and emoji without an end, in which hardly a word is a token and so all is merged, and a megabyte of one
letter, the worst a stranger can send. Prints the best of five times on a processor for each; loading the vocabulary is not in them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "text"))

MEGABYTE = 1_000_000


def python_env() -> str:
    """The Python environment of the suite that compares tokenizers; made when it is not there."""
    script = f'ROOT={ROOT}; . "$ROOT/tools/dev/lib.sh"; python_env "$ROOT/tests/text/requirements.txt"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def corpus() -> Path:
    setup = "$ROOT/tools/dev"
    script = f'ROOT={ROOT}; . "{setup}/lib.sh"; . "{setup}/setup/packages.sh"; . "{setup}/setup/corpus.sh"; corpus_dir'
    return Path(subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.strip())


def texts() -> dict[str, str]:
    def megabyte(paths: list[Path]) -> str:
        return "".join(path.read_text(errors="ignore") for path in paths)[:MEGABYTE]

    def made_up(letters: list[str], longest: int, between: str) -> str:
        chance = random.Random(1)
        words = ("".join(chance.choices(letters, k=chance.randint(2, longest))) for _ in range(MEGABYTE // 4))
        return between.join(words).encode()[:MEGABYTE].decode(errors="ignore")

    def letters(first: int, last: int) -> list[str]:
        return [chr(code) for code in range(first, last + 1)]

    return {
        "HTML pages": megabyte(sorted(corpus().glob("*.html"))),
        "C source": megabyte(sorted((ROOT / "src").rglob("*.c"))),
        "made-up Chinese": made_up(letters(0x4E00, 0x59FF), 18, "，"),
        "made-up Russian": made_up(letters(0x430, 0x44F), 12, " "),
        "emoji": made_up(letters(0x1F300, 0x1F64F), 18, ""),
        "one letter": "a" * MEGABYTE,
    }


def best_ms(encoding, text: str) -> float:  # noqa: ANN001
    times = []
    for _ in range(5):
        began = time.process_time()
        encoding.encode_ordinary(text)
        times.append((time.process_time() - began) * 1000)
    return min(times)


def main() -> None:
    from compare_bpe import CACHE_NAMES, reference

    build = Path(os.environ.get("CORBEL_BUILD") or ROOT / "build")
    tokenizers = Path(os.environ["CORBEL_CACHE"]) / "tokenizers"
    for name in CACHE_NAMES:
        encoding = reference(name, tokenizers)
        for title, text in texts().items():
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(text)
                file.flush()
                command = [build / "tests" / "text" / "bpe_ids", name, tokenizers / f"{name}.tiktoken", file.name]
                ours = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            print(f"{name}, {title}: corbel {ours}; tiktoken {best_ms(encoding, text):.1f} ms")


if __name__ == "__main__":
    if "tiktoken" not in sys.argv:
        os.execv(f"{python_env()}/bin/python", [f"{python_env()}/bin/python", __file__, "tiktoken"])
    main()
