"""A floor under the quality of search: the manual's own index, purposes and cross-references ask, and name the pages that answer.

A ranking by words is the same on every machine, and one by vectors nearly so (the quantized model takes its scales from the batch that a text happens
to be in). The floors lie two to four hundredths below what was measured (0.840, 0.716, 0.938, 0.944), so that what fails here is a change that lost
something. How corbel stands beside other systems is measured by tests/perf/retrieval, on everything; here words are asked over the whole manual, and
words with vectors over a few pages of it, so that the tests stay quick.
"""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "lib"), str(Path(__file__).resolve().parents[1] / "perf" / "retrieval")]

import harness  # noqa: E402
from judgement import Question, read_manual  # noqa: E402

MANUAL, MODEL = Path(sys.argv[1]), sys.argv[2]
INDEX_KINDS = {"words", "word", "code"}
DEPTH = 10
HITS = 50
EVERY = 4  # questions that are asked of the whole manual
PAGES_EVERY = 36  # pages that get vectors
WORDS_INDEX, WORDS_PURPOSE = 0.82, 0.69
VECTORS, HYBRID = 0.90, 0.91


def ndcg(pages: list[str], relevant: set[str]) -> float:
    gains = [1 / math.log2(rank + 2) for rank in range(DEPTH)]
    found = sum(gain for gain, page in zip(gains, pages, strict=False) if page in relevant)
    return found / sum(gains[: min(DEPTH, len(relevant))])


class Collection:
    """Pages in a server, asked over HTTP."""

    def __init__(self, server: harness.Corbel, pages: dict[str, bytes], until: str) -> None:
        self.server = server
        env = {**os.environ, "CORBEL_URL": server.url, "CORBEL_KEY": server.key}
        with tempfile.TemporaryDirectory(prefix="corbel-retrieval-") as folder:
            for name, body in pages.items():
                (Path(folder) / name).write_bytes(body)
            subprocess.run(
                [harness.program("corbel"), "ingest", "--collection", "manual", "--wait", until, folder],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        self.id = json.loads(server.call("GET", "/v1/vector_stores")[2])["data"][0]["id"]

    def search(self, question: Question, ranking: dict[str, float] | None) -> list[str]:
        body = {"query": question.text, "max_num_results": HITS, **({"ranking_options": {"hybrid_search": ranking}} if ranking else {})}
        status, _, answer = self.server.call("POST", f"/v1/vector_stores/{self.id}/search", body)
        assert status == 200, answer
        return list(dict.fromkeys(Path(hit["filename"]).name for hit in json.loads(answer)["data"]))

    def quality(self, questions: list[Question], ranking: dict[str, float] | None = None) -> float:
        """Mean nDCG@10 by page."""
        assert len(questions) >= 50, f"only {len(questions)} questions"
        with ThreadPoolExecutor(4) as threads:
            rankings = list(threads.map(lambda question: self.search(question, ranking), questions))
        return sum(ndcg(pages, question.pages) for pages, question in zip(rankings, questions, strict=True)) / len(questions)


def at_least(floor: float, quality: float, what: str) -> None:
    print(f"        nDCG@10 of {what}: {quality:.4f}, at least {floor}", flush=True)
    assert quality >= floor, f"{what}: {quality:.4f} is less than {floor}"


@functools.cache
def manual() -> tuple[dict[str, bytes], list[Question]]:
    return read_manual(MANUAL)


def words_find_what_the_manual_says_is_where() -> None:
    pages, questions = manual()
    asked = questions[::EVERY]
    with harness.Corbel({}) as server:
        collection = Collection(server, pages, "words")
        at_least(WORDS_INDEX, collection.quality([question for question in asked if question.kind in INDEX_KINDS]), "words on the index")
        at_least(WORDS_PURPOSE, collection.quality([question for question in asked if question.kind == "purpose"]), "words on purposes")


def words_and_vectors_together_find_it_on_a_few_pages() -> None:
    every, questions = manual()
    pages = dict(list(every.items())[::PAGES_EVERY])
    asked = [Question(question.text, question.kind, question.pages & set(pages)) for question in questions if question.pages & set(pages)]
    with harness.Corbel({"embeddings": {"model_dir": MODEL}}, model=True) as server:
        began = time.monotonic()
        collection = Collection(server, pages, "ready")
        print(f"        {len(pages)} pages embedded in {time.monotonic() - began:.0f} s, {len(asked)} questions", flush=True)
        at_least(VECTORS, collection.quality(asked, {"embedding_weight": 1, "text_weight": 0}), "vectors")
        at_least(HYBRID, collection.quality(asked), "words and vectors")


if __name__ == "__main__":
    sys.exit(harness.run([words_find_what_the_manual_says_is_where, words_and_vectors_together_find_it_on_a_few_pages]))
