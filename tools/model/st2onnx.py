"""Writes a sentence-transformers BERT model (safetensors) as one ONNX graph that gives finished sentence embeddings.

    st2onnx.py MODEL_DIR OUT.onnx

The graph takes `input_ids` and `attention_mask` (int64, batch x length) and returns `embedding` (float, batch x
dimensions): the encoder, the mean over the tokens that the mask keeps, and the L2 norm. Pooling and norm stand inside,
so that whoever runs the model cannot get them wrong. Written out operator by operator because the usual exporters need
the whole of PyTorch for what is a hundred lines here. It knows BERT with absolute positions and GELU, and refuses
everything else by name. Needs numpy and onnx only.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUT_IDS = "input_ids"
ATTENTION_MASK = "attention_mask"
EMBEDDING = "embedding"
OPSET = 17  # the first with LayerNormalization
IR_VERSION = 8  # the one that belongs to opset 17: readers of any later age take it

# Added to the attention scores of padding: far below any score, and finite, so that softmax never sees inf - inf.
MASKED_SCORE = -1e9


@dataclass(frozen=True)
class Bert:
    """The figures of config.json that shape the graph."""

    layers: int
    heads: int
    dimensions: int
    norm_epsilon: float

    @classmethod
    def read(cls, path: Path) -> Bert:
        config = json.loads(path.read_text())
        expected = {"model_type": "bert", "hidden_act": "gelu"}
        for key, value in expected.items():
            if config.get(key) != value:
                raise ValueError(f"{path}: {key} is {config.get(key)!r}; only {value!r} is supported")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError(f"{path}: only absolute positions are supported")
        return cls(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            dimensions=config["hidden_size"],
            norm_epsilon=config["layer_norm_eps"],
        )


class Weights:
    """The tensors of one safetensors file, by name; float32 only."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        (header_bytes,) = struct.unpack_from("<Q", data)
        self._data = memoryview(data)[8 + header_bytes :]
        self._header: dict[str, Any] = json.loads(data[8 : 8 + header_bytes])

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        entry = self._header[name]
        if entry["dtype"] != "F32":
            raise ValueError(f"tensor {name} is {entry['dtype']}; only F32 is supported")
        begin, end = entry["data_offsets"]
        return np.frombuffer(self._data[begin:end], "<f4").reshape(entry["shape"])


class Graph:
    """Collects nodes and constants. A value is known by its name; `op` returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        out = out or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def constant(self, value: npt.NDArray[Any], name: str | None = None) -> str:
        name = name or f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))


class Encoder:
    """BERT as operators. Each method adds one part to the graph and returns the name of its result."""

    def __init__(self, bert: Bert, weights: Weights) -> None:
        self.bert = bert
        self.weights = weights
        self.graph = Graph()

    def norm(self, x: str, prefix: str) -> str:
        scale = self.graph.constant(self.weights[f"{prefix}.weight"], f"{prefix}.weight")
        bias = self.graph.constant(self.weights[f"{prefix}.bias"], f"{prefix}.bias")
        return self.graph.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=self.bert.norm_epsilon)

    def linear(self, x: str, prefix: str) -> str:
        weight = self.graph.constant(self.weights[f"{prefix}.weight"].T, f"{prefix}.weight")
        bias = self.graph.constant(self.weights[f"{prefix}.bias"], f"{prefix}.bias")
        return self.graph.op("Add", self.graph.op("MatMul", x, weight), bias)

    def embeddings(self) -> str:
        """Word, position and segment embeddings. There is one segment, so its row is a constant."""
        g = self.graph
        words = g.constant(self.weights["embeddings.word_embeddings.weight"], "embeddings.word_embeddings.weight")
        table = g.constant(self.weights["embeddings.position_embeddings.weight"], "embeddings.position_embeddings.weight")
        length = g.op("Gather", g.op("Shape", INPUT_IDS), g.ints(1), axis=0)
        positions = g.op("Slice", table, g.ints(0), length, g.ints(0))
        segment = g.constant(self.weights["embeddings.token_type_embeddings.weight"][0])
        x = g.op("Add", g.op("Add", g.op("Gather", words, INPUT_IDS), positions), segment)
        return self.norm(x, "embeddings.LayerNorm")

    def attention(self, x: str, prefix: str, bias: str) -> str:
        g = self.graph
        head = self.bert.dimensions // self.bert.heads
        split, join = g.ints(0, 0, self.bert.heads, head), g.ints(0, 0, self.bert.dimensions)
        query, key, value = (
            g.op("Reshape", self.linear(x, f"{prefix}.self.{part}"), split) for part in ("query", "key", "value")
        )
        scores = g.op(
            "MatMul", g.op("Transpose", query, perm=[0, 2, 1, 3]), g.op("Transpose", key, perm=[0, 2, 3, 1])
        )
        scores = g.op("Add", g.op("Mul", scores, g.scalar(1 / math.sqrt(head))), bias)
        mixed = g.op("MatMul", g.op("Softmax", scores, axis=-1), g.op("Transpose", value, perm=[0, 2, 1, 3]))
        return g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), join)

    def gelu(self, x: str) -> str:
        """The exact form, x/2 (1 + erf(x/sqrt 2)): what these models were trained with."""
        g = self.graph
        erf = g.op("Erf", g.op("Mul", x, g.scalar(1 / math.sqrt(2))))
        return g.op("Mul", g.op("Mul", x, g.scalar(0.5)), g.op("Add", erf, g.scalar(1)))

    def layer(self, x: str, prefix: str, bias: str) -> str:
        g = self.graph
        attended = self.linear(self.attention(x, f"{prefix}.attention", bias), f"{prefix}.attention.output.dense")
        x = self.norm(g.op("Add", attended, x), f"{prefix}.attention.output.LayerNorm")
        wide = self.gelu(self.linear(x, f"{prefix}.intermediate.dense"))
        return self.norm(g.op("Add", self.linear(wide, f"{prefix}.output.dense"), x), f"{prefix}.output.LayerNorm")

    def pool(self, x: str, mask: str) -> None:
        """The mean over the tokens that the mask keeps, then the L2 norm. The floor keeps an empty text from 0/0."""
        g = self.graph
        keep = g.op("Unsqueeze", mask, g.ints(2))
        total = g.op("ReduceSum", g.op("Mul", x, keep), g.ints(1), keepdims=0)
        count = g.op("Max", g.op("ReduceSum", keep, g.ints(1), keepdims=0), g.scalar(1e-9))
        g.op("LpNormalization", g.op("Div", total, count), out=EMBEDDING, axis=-1, p=2)

    def build(self) -> onnx.ModelProto:
        g = self.graph
        mask = g.op("Cast", ATTENTION_MASK, to=TensorProto.FLOAT)
        hidden = g.op("Mul", g.op("Sub", g.scalar(1), mask), g.scalar(MASKED_SCORE))
        bias = g.op("Unsqueeze", hidden, g.ints(1, 2))
        x = self.embeddings()
        for index in range(self.bert.layers):
            x = self.layer(x, f"encoder.layer.{index}", bias)
        self.pool(x, mask)
        return self.model()

    def model(self) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in (INPUT_IDS, ATTENTION_MASK)
        ]
        output = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", self.bert.dimensions])
        graph = helper.make_graph(self.graph.nodes, "sentence_embedding", inputs, [output], self.graph.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def export(model_dir: Path, out: Path) -> Bert:
    """Writes the model of `model_dir` to `out`, and returns its figures."""
    bert = Bert.read(model_dir / "config.json")
    onnx.save(Encoder(bert, Weights(model_dir / "model.safetensors")).build(), out)
    return bert


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("usage: st2onnx.py MODEL_DIR OUT.onnx", file=sys.stderr)
        return 2
    export(Path(arguments[0]), Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
