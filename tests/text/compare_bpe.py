#!/usr/bin/env python3
"""Compares corbel's byte-pair encodings with the reference (PyPI `tiktoken`) on hard text.

    compare_bpe.py BPE_IDS TOKENIZERS_DIR

BPE_IDS is the program built from bpe_ids.c, TOKENIZERS_DIR holds cl100k_base.tiktoken and o200k_base.tiktoken. All ids of all texts are
compared. Random texts come from a printed seed (CORBEL_SEED to repeat one). The last line is `N passed, N failed`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from hard_text import CASES, every_character, random_text

RANDOM_TEXTS = 20_000

# Where the reference looks for a vocabulary before it would load one from elsewhere.
CACHE_NAMES = {"cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790"}

HARD: dict[str, list[str]] = {
    "contractions": ["I'm you're he'd WE'LL they'Ve it's it'S 'tis 'TWAS", "d\u2019accord l'\u00e9t\u00e9 rock'n'roll", "it'\u017f IT'\u017f '\u017f", "'s 't 'll'll 'ree 'v'"],
    "case": ["camelCase HTTPServer XMLHttpRequest ABC\u02b0DE \u01c5x X\u01c5", "\u02b0\u02b0A \u02b0a A\u0301B\u0301c \u0301A \u0301\u0301", "\u5b57A\u5b57a \u5b57\u5b57B", "McDONALD'S iPHONE's"],
    "numbers": ["1234567890 3.14159 1,000,000 \u00bd\u2167\u0663\u0664\u0665 12\u00b2", "0x7fff 2026-11-28T17:48:05Z", "٠١٢٣٤٥٦٧٨٩"],
    "blanks": ["a  b   c", "  lead", "trail   ", "\n\n  \n x", " \n", "\n ", "\r\n\r\n\ta", "a \t\n \n", "\u00a0\u00a0x", "\u2028\u2029 \u0085x", "a\u3000\u3000b", "x\n\n\n", "x \r", "\t\t\tdef f():\n\t\treturn 1\n"],
    "signs": ["/* a */ // b\n/c/\n/", "!!!\n\n\r\n???", " ...---...\r\n", "<|endoftext|><|im_start|>", "a/b//c\\\\d", "+-*/=%&|^~", "=====\n/\n"],
    "code": ['int main(void)\n{\n\treturn printf("%d\\n", 0x1F);\n}\n', '{"a": [1, 2.5e-3, null], "b": "\\u00e9"}', "SELECT * FROM t WHERE a_b = $1;\n"],
    "long pieces": ["a" * 127, "a" * 128, "a" * 129, "ab" * 3000, "\u00e9" * 2000, "\u5b57" * 2000, "-" * 5000, " " * 5000, "\n" * 5000, "Aa" * 2000, "\U0001f600" * 999],
}


def reference(name: str, folder: Path):  # noqa: ANN201
    with tempfile.TemporaryDirectory() as cache:
        shutil.copy(folder / f"{name}.tiktoken", Path(cache) / CACHE_NAMES[name])
        os.environ["TIKTOKEN_CACHE_DIR"] = cache
        import tiktoken

        return tiktoken.get_encoding(name)


def ours(program: str, name: str, folder: Path, texts: list[str]) -> list[list[int]]:
    frames = b"".join(b"%d\n%s" % (len(data), data) for data in (text.encode() for text in texts))
    run = subprocess.run([program, name, str(folder / f"{name}.tiktoken")], input=frames, capture_output=True, check=True)
    return [[int(i) for i in line.split()] for line in run.stdout.decode().split("\n")[:-1]]


def assigned(text: str) -> str:
    """Without characters that are newer than one of the two Unicode tables may be: both must know a letter to agree on it."""
    return "".join(c for c in text if unicodedata.category(c) != "Cn")


def main() -> int:
    program, folder = sys.argv[1], Path(sys.argv[2])
    seed = int(os.environ.get("CORBEL_SEED", random.SystemRandom().randrange(1 << 32)))
    passed = failed = 0
    for name in CACHE_NAMES:
        encoding = reference(name, folder)
        source = random.Random(seed)
        vocabulary = [token.decode() for token in encoding.token_byte_values() if token.isascii()]
        suites = CASES | HARD | {
            "every character of Unicode": [assigned(text) for text in every_character()],
            f"{RANDOM_TEXTS} random texts, seed {seed}": [assigned(random_text(source, vocabulary)) for _ in range(RANDOM_TEXTS)],
        }
        for title, texts in suites.items():
            answers = ours(program, name, folder, texts)
            wrong = [t for t, ids in zip(texts, answers, strict=True) if ids != encoding.encode_ordinary(t)]
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(f"{'not equal' if wrong else 'equal'}: {name}, {title}")
            for text in wrong[:5]:
                print(f"    {text[:80]!r}: {ours(program, name, folder, [text])[0][:20]}…; the reference has {encoding.encode_ordinary(text)[:20]}…")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
