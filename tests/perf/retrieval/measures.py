"""Figures of a ranking, and whether two systems differ by more than chance."""

from __future__ import annotations

import numpy as np

DEPTH = 10
GAINS = 1 / np.log2(np.arange(2, DEPTH + 2))


def figures(pages: list[str], relevant: set[str]) -> tuple[float, float, float]:
    """nDCG@10, recall@10 and reciprocal rank of a list of pages, each once."""
    hits = np.array([page in relevant for page in pages[:DEPTH]], dtype=float)
    ideal = min(DEPTH, len(relevant))
    first = np.flatnonzero(hits)
    ndcg = float((hits * GAINS[: len(hits)]).sum() / GAINS[:ideal].sum())
    return ndcg, float(hits.sum() / ideal), float(1 / (first[0] + 1)) if len(first) else 0.0


def first_of_each(pages: list[str]) -> list[str]:
    """The best chunk of a page stands for it."""
    return list(dict.fromkeys(pages))


def chance(a: np.ndarray, b: np.ndarray, rounds: int = 20_000, seed: int = 15) -> float:
    """How often chance alone makes the mean difference of paired figures this large: a permutation test, two-sided."""
    difference = a - b
    signs = np.random.default_rng(seed)
    observed = abs(difference.mean())
    larger = 0
    for _ in range(rounds // 1000):
        flipped = signs.choice([-1.0, 1.0], size=(1000, len(difference)))
        larger += int((abs((flipped * difference).mean(axis=1)) >= observed - 1e-12).sum())
    return (larger + 1) / (rounds + 1)
