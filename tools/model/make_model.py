"""Makes the folder of the default embedding model out of the sentence-transformers one, and proves it before use.

    make_model.py MODEL_DIR OUT_DIR

Writes into OUT_DIR: model-fp32.onnx, model.onnx (int8, a scale per output channel: half the time of float at no
measurable loss, where one scale per tensor does lose), vocab.txt, tokenizer.json, and corbel-model.json, which tells
corbel how to run it. Two checks then stand between the model and its users, and either ends with exit status 1:

- the similarities of three sentences must be those that the authors of sentence-transformers publish for this model;
- int8 embeddings must point where the float ones point.

Needs numpy, onnx, onnxruntime and tokenizers.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from st2onnx import ATTENTION_MASK, EMBEDDING, INPUT_IDS, export
from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
MAX_TOKENS = 256  # what the model was trained and published with; its position table would take 512

# From the quickstart of the sentence-transformers documentation, which computes them with this model.
PUBLISHED_SENTENCES = [
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
]
PUBLISHED_SIMILARITIES = [
    [1.0000, 0.6660, 0.1046],
    [0.6660, 1.0000, 0.1411],
    [0.1046, 0.1411, 1.0000],
]
PUBLISHED_TOLERANCE = 1e-3

INT8_SENTENCES = [
    *PUBLISHED_SENTENCES,
    "How do I make an index without locking out writes against the table?",
    "CREATE INDEX CONCURRENTLY ON measurements USING brin (taken_at) WITH (pages_per_range = 32);",
    "Der Zeiger max_connections begrenzt gleichzeitige Verbindungen; 既定値は 100 です。",
    "vacuum",
    "The autovacuum daemon wakes up every minute. " * 20,
]
INT8_COSINE_MIN = 0.98

Embeddings = npt.NDArray[np.float32]


def embed(model: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> Embeddings:
    """One text at a time, so that padding cannot hide a fault."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = []
    for text in texts:
        encoding = tokenizer.encode(text)
        feeds = {
            INPUT_IDS: np.array([encoding.ids], np.int64),
            ATTENTION_MASK: np.array([encoding.attention_mask], np.int64),
        }
        rows.append(session.run([EMBEDDING], feeds)[0][0])
    return np.stack(rows)


def check(out: Path) -> list[str]:
    """Returns what is wrong with the model in `out`, nothing if it is fit for use."""
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    faults = []

    exact = embed(out / "model-fp32.onnx", tokenizer, PUBLISHED_SENTENCES)
    off = float(np.abs(exact @ exact.T - np.array(PUBLISHED_SIMILARITIES)).max())
    if not off <= PUBLISHED_TOLERANCE:
        faults.append(f"similarities differ from the published ones by {off:.4f}, more than {PUBLISHED_TOLERANCE}")

    exact = embed(out / "model-fp32.onnx", tokenizer, INT8_SENTENCES)
    small = embed(out / "model.onnx", tokenizer, INT8_SENTENCES)
    cosines = (exact * small).sum(axis=1)
    if not cosines.min() > INT8_COSINE_MIN:
        worst = INT8_SENTENCES[int(cosines.argmin())]
        faults.append(f"int8 and float embeddings of {worst[:60]!r} have cosine {cosines.min():.4f}")

    print(f"published similarities met within {off:.1e}; int8 against float: cosine {cosines.min():.4f} at least")
    return faults


def make(source: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    exact, small = out / "model-fp32.onnx", out / "model.onnx"
    bert = export(source, exact)
    quantize_dynamic(exact, small, per_channel=True, weight_type=QuantType.QInt8)
    for name in ("vocab.txt", "tokenizer.json"):
        shutil.copyfile(source / name, out / name)
    description = {
        "name": NAME,
        "dimensions": bert.dimensions,
        "max_tokens": MAX_TOKENS,
        "pooling": "mean",
        "normalized": True,
        "lowercase": True,
        "inputs": {"input_ids": INPUT_IDS, "attention_mask": ATTENTION_MASK},
        "output": EMBEDDING,
    }
    (out / "corbel-model.json").write_text(json.dumps(description, indent=2) + "\n")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("usage: make_model.py MODEL_DIR OUT_DIR", file=sys.stderr)
        return 2
    logging.disable(logging.WARNING)  # the quantizer recommends a preprocessing step that changes nothing here
    out = Path(arguments[1])
    make(Path(arguments[0]), out)
    faults = check(out)
    for fault in faults:
        print(f"make_model.py: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
