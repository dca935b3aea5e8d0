#!/usr/bin/env python3
"""Compares corbel's WordPiece with the reference tokenizer (PyPI `tokenizers`) on hard text.

    compare_wordpiece.py WORDPIECE_IDS MODEL_DIR

WORDPIECE_IDS is the program built from wordpiece_ids.c, MODEL_DIR holds vocab.txt and tokenizer.json. Compared are the count of tokens and
the ids cut to 256. Random texts come from a printed seed (CORBEL_SEED to repeat one). The last line is `N passed, N failed`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from hard_text import CASES, every_character, random_text
from tokenizers import Tokenizer

TOKENS_MAX = 256
RANDOM_TEXTS = 20_000

def ours(program: str, vocabulary: Path, texts: list[str]) -> list[tuple[int, list[int]]]:
    frames = b"".join(b"%d\n%s" % (len(data), data) for data in (text.encode() for text in texts))
    run = subprocess.run([program, str(vocabulary), str(TOKENS_MAX)], input=frames, capture_output=True, check=True)
    answers = []
    for line in run.stdout.decode().splitlines():
        count, _, ids = line.partition(":")
        answers.append((int(count), [int(i) for i in ids.split()]))
    return answers


def differing(program: str, vocabulary: Path, reference: Tokenizer, texts: list[str]) -> list[str]:
    wrong = []
    answers = ours(program, vocabulary, texts)
    if len(answers) != len(texts):
        return ["the program answered less than it was asked"]
    for text, (count, ids) in zip(texts, answers, strict=True):
        expected = reference.encode(text, add_special_tokens=False).ids
        cut = [101, *expected[: TOKENS_MAX - 2], 102]
        if count != len(expected) or ids != cut:
            wrong.append(f"{text!r}: {count} tokens, {ids[:20]}…; the reference has {len(expected)}, {cut[:20]}…")
    return wrong


def main() -> int:
    program, model = sys.argv[1], Path(sys.argv[2])
    reference = Tokenizer.from_file(str(model / "tokenizer.json"))
    reference.no_truncation()
    reference.no_padding()
    seed = int(os.environ.get("CORBEL_SEED", random.SystemRandom().randrange(1 << 32)))
    source = random.Random(seed)
    vocabulary = sorted(reference.get_vocab(with_added_tokens=False))
    suites = CASES | {
        "every character of Unicode": list(every_character()),
        f"{RANDOM_TEXTS} random texts, seed {seed}": [random_text(source, vocabulary) for _ in range(RANDOM_TEXTS)],
    }
    passed = failed = 0
    for name, texts in suites.items():
        wrong = differing(program, model / "vocab.txt", reference, texts)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print(f"{'not equal' if wrong else 'equal'}: {name}")
        for line in wrong[:5]:
            print(f"    {line}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
