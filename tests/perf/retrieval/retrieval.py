"""Retrieval quality on a manual that judges itself, through a running server.

    retrieval.py [MANUAL]        (a folder of DocBook HTML with a bookindex.html; Debian's PostgreSQL manual unless told otherwise)

The manual is ingested as `corbel ingest` does it, and asked over HTTP. Beside it, on the same chunks and the same vectors: PyPI `bm25s`, an exact search in
floats with numpy, and the plain fusions of those two. What is compared is the order of pages. Prints a table and the tests of what must hold; the last
line is `N passed, N failed`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import bm25s
import numpy as np
import Stemmer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))

from harness import Corbel, program, wait_for  # noqa: E402
from judgement import Question, read_manual  # noqa: E402
from measures import chance, figures, first_of_each  # noqa: E402

CANDIDATES = 200
HITS = 50
INGEST_SECONDS = 3600
KINDS = ["words", "word", "code", "see", "purpose"]
INDEX_KINDS = {"words", "word", "code"}
INDEX_LEAST, PURPOSES_LEAST, CHANCE_MOST = 0.837, 0.797 - 0.04, 0.05

Rankings = list[list[str]]


class Store:
    """The manual in a server: asked over HTTP, and its chunks and vectors read from its database."""

    def __init__(self, server: Corbel, pages: dict[str, bytes], scratch: Path) -> None:
        self.server = server
        for name, body in pages.items():
            (scratch / name).write_bytes(body)
        began = time.monotonic()
        self.ingest(scratch)
        self.ingest_s = time.monotonic() - began
        stores = json.loads(server.call("GET", "/v1/vector_stores")[2])["data"]
        self.id = next(store["id"] for store in stores if store["name"] == "manual")
        database = self.database()
        rows = database.execute(
            "select d.path, c.heading_path, c.text, x.f32 from chunk c join document d on d.current_version = c.version_id "
            "join chunk_vector x on x.chunk_id = c.id order by c.id"
        ).fetchall()
        chunks = database.execute("select count(*) from chunk c join document d on d.current_version = c.version_id").fetchone()[0]
        assert len(rows) == chunks, f"{chunks - len(rows)} chunks have no vector"
        self.pages = [Path(row[0]).name for row in rows]
        self.texts = [f"{row[1]}\n{row[2]}" for row in rows]
        self.vectors = np.array([np.frombuffer(row[3], dtype="<f4") for row in rows])

    def ingest(self, folder: Path) -> None:
        """Returns once every passage has its vector."""
        env = {**os.environ, "CORBEL_URL": self.server.url, "CORBEL_KEY": self.server.key}
        subprocess.run([program("corbel"), "ingest", "--collection", "manual", folder], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        wait_for(lambda: self.unfinished() == 0, INGEST_SECONDS, "the passages to be embedded")

    def unfinished(self) -> int:
        time.sleep(1)
        with closing(self.database()) as database:
            return database.execute("select count(*) from document_version where status in (0, 1)").fetchone()[0]

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.server.data / 'corbel.db'}?mode=ro", uri=True)

    def search(self, text: str, ranking: dict | None) -> list[str]:
        body = {"query": text, "max_num_results": HITS, **({"ranking_options": {"hybrid_search": ranking}} if ranking else {})}
        status, _, answer = self.server.call("POST", f"/v1/vector_stores/{self.id}/search", body)
        assert status == 200, answer
        return first_of_each([Path(hit["filename"]).name for hit in json.loads(answer)["data"]])

    def search_all(self, questions: list[Question], ranking: dict | None = None) -> Rankings:
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda question: self.search(question.text, ranking), questions))

    def embed(self, texts: list[str]) -> np.ndarray:
        vectors = []
        for at in range(0, len(texts), 100):
            status, _, answer = self.server.call("POST", "/v1/embeddings", {"model": "all-MiniLM-L6-v2", "input": texts[at : at + 100]})
            assert status == 200, answer
            vectors += [row["embedding"] for row in json.loads(answer)["data"]]
        return np.array(vectors)


# ---- the baselines: scores of all chunks for each question, by columns ----


def bm25s_scores(store: Store, questions: list[Question], **options: object) -> list[np.ndarray]:
    index = bm25s.BM25()
    index.index(bm25s.tokenize(store.texts, show_progress=False, **options), show_progress=False)
    tokens = bm25s.tokenize([question.text for question in questions], show_progress=False, return_ids=False, **options)
    return [index.get_scores(words) if words else np.zeros(len(store.texts)) for words in tokens]


def order(scores: np.ndarray, above: float = -np.inf) -> np.ndarray:
    best = np.argsort(-scores, kind="stable")[:CANDIDATES]
    return best[scores[best] > above]


def rrf(words: np.ndarray, dense: np.ndarray) -> np.ndarray:
    fused = np.zeros(len(words))
    for ranking in (order(words, 0), order(dense)):
        fused[ranking] += 1 / (60 + 1 + np.arange(len(ranking)))
    return fused


def convex(words: np.ndarray, dense: np.ndarray, weight: float) -> np.ndarray:
    fused = np.zeros(len(words))
    for ranking, scores, share in ((order(words, 0), words, 1 - weight), (order(dense), dense, weight)):
        if len(ranking):
            low, high = scores[ranking[-1]], scores[ranking[0]]
            fused[ranking] += share * (scores[ranking] - low) / (high - low if high > low else 1)
    return fused


def pages_of(store: Store, scores: np.ndarray) -> list[str]:
    return first_of_each([store.pages[i] for i in order(scores, 0)])


def baselines(store: Store, questions: list[Question]) -> dict[str, Rankings]:
    stem = Stemmer.Stemmer("english")
    dense = list(store.embed([question.text for question in questions]) @ store.vectors.T)
    systems = {
        "bm25s": bm25s_scores(store, questions, stopwords="en"),
        "bm25s, stems": bm25s_scores(store, questions, stopwords="en", stemmer=stem),
        "exact floats": dense,
    }
    words = systems["bm25s, stems"]
    systems["rrf of those"] = [rrf(w, d) for w, d in zip(words, dense, strict=True)]
    for weight in (0.3, 0.5, 0.7):
        systems[f"convex {weight} of those"] = [convex(w, d, weight) for w, d in zip(words, dense, strict=True)]
    return {name: [pages_of(store, row) for row in scores] for name, scores in systems.items()}


# ---- the report ----


class Report:
    def __init__(self, questions: list[Question]) -> None:
        self.questions = questions
        self.kinds = np.array([question.kind for question in questions])
        self.index = np.isin(self.kinds, list(INDEX_KINDS))
        self.results: dict[str, np.ndarray] = {}

    def add(self, name: str, rankings: Rankings) -> None:
        rows = np.array([figures(pages, q.pages) for pages, q in zip(rankings, self.questions, strict=True)])
        self.results[name] = rows
        by_kind = "  ".join(f"{kind} {rows[self.kinds == kind, 0].mean():.3f}" for kind in KINDS if (self.kinds == kind).any())
        ndcg, recall, reciprocal = rows[self.index].mean(axis=0)
        print(f"{name:24} index: nDCG@10 {ndcg:.4f}  R@10 {recall:.3f}  MRR@10 {reciprocal:.3f}   nDCG@10 by kind: {by_kind}", flush=True)

    def index_ndcg(self, name: str) -> float:
        return float(self.results[name][self.index, 0].mean())

    def purposes_ndcg(self, name: str) -> float:
        return float(self.results[name][self.kinds == "purpose", 0].mean())


def judge(report: Report) -> int:
    plain = max((name for name in report.results if "of those" in name), key=report.index_ndcg)
    bm25 = max((name for name in report.results if name.startswith("bm25s")), key=report.index_ndcg)
    ours, theirs = report.results["corbel"][report.index, 0], report.results[plain][report.index, 0]
    by_chance = chance(ours, theirs)
    checks = [
        (f"words are no worse than {bm25} on the index", report.index_ndcg("corbel, words") >= report.index_ndcg(bm25)),
        (f"the hybrid reaches {INDEX_LEAST} on the index", report.index_ndcg("corbel") >= INDEX_LEAST),
        (f"and {PURPOSES_LEAST:.3f} on purposes", report.purposes_ndcg("corbel") >= PURPOSES_LEAST),
        (f"the hybrid is better on the index than the best plain fusion ({plain}), by chance p = {by_chance:.5f}",
         ours.mean() > theirs.mean() and by_chance <= CHANCE_MOST),
        ("the scan finds what exact floats find", abs(report.index_ndcg("corbel, vectors") - report.index_ndcg("exact floats")) < 0.005),
    ]
    for name, holds in checks:
        print(f"{'holds' if holds else 'DOES NOT HOLD'}: {name}")
    failed = sum(not holds for _, holds in checks)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    manuals = [Path(sys.argv[1])] if len(sys.argv) > 1 else sorted(Path("/usr/share/doc").glob("postgresql-doc-*/html"))
    if not manuals:
        sys.exit("no manual: install postgresql-doc, or name a folder")
    pages, questions = read_manual(manuals[-1])
    with tempfile.TemporaryDirectory(prefix="corbel-retrieval-") as scratch, Corbel({}, model=True) as server:
        store = Store(server, pages, Path(scratch))
        print(f"{manuals[-1]}: {len(pages)} pages, {len(store.pages)} chunks, {len(questions)} questions; ingested in {store.ingest_s:.0f} s", flush=True)
        report = Report(questions)
        for name, rankings in baselines(store, questions).items():
            report.add(name, rankings)
        report.add("corbel, words", store.search_all(questions, {"embedding_weight": 0, "text_weight": 1}))
        report.add("corbel, vectors", store.search_all(questions, {"embedding_weight": 1, "text_weight": 0}))
        report.add("corbel", store.search_all(questions))
    return judge(report)


if __name__ == "__main__":
    sys.exit(main())
