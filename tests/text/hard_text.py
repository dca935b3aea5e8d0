"""Text that is hard to tokenize: scripts, marks, controls, every character of Unicode, and random mixtures of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

CASES: dict[str, list[str]] = {
    "accents": ["Crème brûlée, naïve façade", "cafe\u0301", "Ångström Å Å", "İstanbul ıI", "ǅ ǆ Ǆ", "ẞß", "Ḯ ǭ ṩ"],
    "marks in any order": ["q\u0307\u0323", "q\u0323\u0307", "a\u302e\u0301\u1d16e", "\U0001d158\U0001d165\U0001d16e", "\u0345\u0301a", "e\u200d\u0301"],
    "Han, kana, hangul": ["世界 hello世界", "日本語のテキスト", "한국어 텍스트", "豈更車", "𠀀𪜀𫝀丽", "ㄅㄆ ｱｲｳ ｈａｌｆ"],
    "other scripts": ["Привет, мир", "שָׁלוֹם", "السَّلامُ عليكم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "ΑΣΣ ὈΔΥΣΣΕΎΣ", "ქართული ᲥᲐᲠ", "ᏣᎳᎩ ꮳꮃꭹ"],
    "emoji": ["😀 👩‍👩‍👧 🇩🇪 ❤️ 1️⃣", "a😀b", "🤷🏽‍♀️"],
    "controls and blanks": ["a\0b", "a\x01b\x7fc", "a\tb\nc\rd\x0be\x0cf", "a\u00a0b\u2003c\u3000d\u2028e\u0085f", "\ufeffbom", "soft\u00adhyphen",
                            "a\u200bb\u2060c", "\ufffd\ufffdx", "\ue000x", ""],
    "punctuation": ["don't -- stop!", "«quoted» “text” … ‽ ⸘", "≠ ≮ ` \u1fef \u037e", "a/b\\c|d", "$libdir/plugins", "pg_stat_activity.pid", "⸺a⸻b", "、。「」"],
    "special tokens": ["[CLS] a [SEP]", "a[SEP]b", "[MASK][MASK]x[PAD]", "[ SEP ] [sep] [[SEP]]", "[UNK]known", "x[SE\0P]", "[CLS", "e[SEP]\u0301"],
    "long words": ["a" * 100, "a" * 101, "é" * 100, "e\u0301" * 100, "e\u0301" * 101, "世" * 300, "x " * 400, "ab" * 5000, "한" * 33, "한" * 34],
}

# Where random characters come from: blocks that take different paths.
BLOCKS = [(0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x0, 0x1F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x590, 0x8FF), (0x900, 0xDFF),
          (0xE00, 0x10FF), (0x1100, 0x13FF), (0x1AB0, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x2E00, 0x33FF), (0x4E00, 0x9FFF), (0xA000, 0xABFF),
          (0xAC00, 0xD7A3), (0xE000, 0xFFFF), (0x10000, 0x11FFF), (0x1D000, 0x1E9FF), (0x1F000, 0x1FAFF), (0x20000, 0x2FA1F), (0x0, 0x10FFFF)]


def character(source: random.Random) -> str:
    while True:
        point = source.randint(*source.choice(BLOCKS))
        if not 0xD800 <= point < 0xE000:
            return chr(point)


def random_text(source: random.Random, vocabulary: list[str]) -> str:
    """Words of the vocabulary with random characters between and inside them."""
    parts = []
    for _ in range(source.randint(1, 40)):
        kind = source.random()
        if kind < 0.35:
            parts.append(source.choice(vocabulary).removeprefix("##"))
        elif kind < 0.55:
            parts.append(" ")
        else:
            parts.extend(character(source) for _ in range(source.randint(1, 4)))
    return "".join(parts)


def every_character() -> Iterator[str]:
    """Each code point between two letters, a few to a text."""
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    for at in range(0, len(points), 64):
        yield " ".join(f"a{c}b" for c in points[at : at + 64])
