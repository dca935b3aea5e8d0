#!/usr/bin/env python3
"""Writes src/text/bert_classes.h: the character classes of BERT's reference tokenizer.

    bert_classes.py >src/text/bert_classes.h        (needs the package `tokenizers`)

The reference classifies characters by a Unicode version of its own, which no library follows from release to release.
So every code point is put to the reference itself, and what it does is written down as ranges. ASCII is left out.
"""

from __future__ import annotations

import sys

from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

HEAD = """/*
 * bert_classes.h - character classes of BERT's reference tokenizer, beyond ASCII. Written by tools/text/bert_classes.py.
 */
#pragma once

#include <stdint.h>

struct bert_range {
\tuint32_t first, last;
};
"""


def ranges(points: list[int]) -> list[tuple[int, int]]:
    """Runs of neighbouring code points."""
    runs: list[tuple[int, int]] = []
    for point in points:
        if runs and runs[-1][1] == point - 1:
            runs[-1] = (runs[-1][0], point)
        else:
            runs.append((point, point))
    return runs


def table(name: str, meaning: str, points: list[int]) -> str:
    cells = [f"{{ 0x{first:x}, 0x{last:x} }}," for first, last in ranges(points)]
    lines = ["\t" + " ".join(cells[i : i + 6]) for i in range(0, len(cells), 6)]
    return "\n".join([f"\n/* {meaning} */", f"static const struct bert_range {name}[] = {{", *lines, "};"])


def main() -> None:
    clean = BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    strip = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    split = BertPreTokenizer()
    characters = [chr(point) for point in range(0x80, 0x110000) if not 0xD800 <= point < 0xE000]
    removed = [ord(c) for c in characters if clean.normalize_str(c) == ""]
    marks = [ord(c) for c in characters if strip.normalize_str(c) == ""]
    alone = [ord(c) for c in characters if len(split.pre_tokenize_str(f"a{c}a")) == 3]
    sys.stdout.write(HEAD)
    print(table("bert_removed", "Control, format and private-use characters: as if they were not there.", removed))
    print(table("bert_marks", "Nonspacing marks, removed after canonical decomposition: accents.", marks))
    print(table("bert_punctuation", "A word of its own each.", alone))


if __name__ == "__main__":
    main()
