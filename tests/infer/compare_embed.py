#!/usr/bin/env python3
"""Compares corbel's vectors with the reference implementation: PyPI `tokenizers` and `onnxruntime` on the same model.

    compare_embed.py EMBED_TEXTS MODEL_DIR

Each text goes through the model by itself, so that both sides compute the same. And the int8 model must stay near the float one it was made
from. The last line is `N passed, N failed`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    "",
    "a",
    "How do I create an index?",
    "CREATE INDEX CONCURRENTLY idx ON t (lower(name)) WHERE deleted IS NULL;",
    "pg_stat_activity.wait_event_type",
    "Crème brûlée — naïve façade; ΑΣΣ, Привет, 世界, 한국어, 😀",
    "[CLS] special [SEP] tokens [MASK]",
    "a\x00b\x01c \u200b\ufeff",
    "The optimizer estimates the number of rows. " * 3,
    "Rows are locked by the transaction that changes them until it ends. " * 60,
]


def reference(model: Path, file: str, texts: list[str]) -> np.ndarray:
    about = json.loads((model / "corbel-model.json").read_text())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(about["max_tokens"])
    tokenizer.no_padding()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model / file), options, providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feeds = {about["inputs"]["input_ids"]: ids, about["inputs"]["attention_mask"]: np.ones_like(ids)}
        rows.append(session.run([about["output"]], feeds)[0][0])
    return np.array(rows)


def main() -> int:
    program, model = sys.argv[1], Path(sys.argv[2])
    frames = b"".join(b"%d\n%s" % (len(data), data) for data in (text.encode() for text in TEXTS))
    run = subprocess.run([program, str(model)], input=frames, capture_output=True, check=True)
    ours = np.array([[float(number) for number in line.split()] for line in run.stdout.decode().splitlines()])
    checks = [
        ("the same model in Python: largest difference of a number", np.abs(ours - reference(model, "model.onnx", TEXTS)).max(), 1e-4),
        ("the float model: 1 - cosine", 1 - (ours * reference(model, "model-fp32.onnx", TEXTS)).sum(axis=1).min(), 0.03),
    ]
    failed = 0
    for name, figure, most in checks:
        failed += not figure <= most
        print(f"{'ok' if figure <= most else 'too much'}: {name}: {figure:.2e} (at most {most:.0e})")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
