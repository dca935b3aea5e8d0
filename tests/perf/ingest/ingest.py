"""What an ingest's time is spent on: the share of it during which the model runs, beside the model alone on the same texts.

    ingest.py MANUAL MODEL [PAGES]

The model is what an ingest waits for, so the server is as fast as it can be while a call of ONNX Runtime is in progress all the time. corbel counts that time
(corbel_embedding_batch_seconds; one thread calls, so calls never overlap). The clock runs from the first upload until the last vector is committed, with uploading and
parsing in it. Then every fourth text goes straight through ONNX Runtime, sorted by length, which is the least that embedding can take.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib"))

from harness import BUILD, Corbel, program  # noqa: E402

EVERY = 4  # texts of the bare run
BATCH = 32
LOOK_S = 0.5
INGEST_SECONDS = 3600
MODEL_WAITS = re.compile(r"^corbel_embedding_batch_seconds_(sum|count)\{[^}]*\} ([0-9.e+-]+)$", re.M)
TOKENS = re.compile(r'^corbel_embedding_tokens_total\{[^}]*kind="(text|padding)"[^}]*\} ([0-9.e+-]+)$', re.M)


def model_figures(server: Corbel) -> dict[str, float]:
    """Seconds in the model, batches, tokens, padding: since the server started."""
    page = server.call("GET", "/metrics")[2].decode()
    return {name: float(value) for name, value in [*MODEL_WAITS.findall(page), *TOKENS.findall(page)]}


def cpu_by_thread(pid: int) -> dict[str, float]:
    """Seconds of CPU by the names of threads; what runs in children that have ended is `parse`."""
    ticks = os.sysconf("SC_CLK_TCK")
    seconds: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        fields = rest.split()
        seconds[name] = seconds.get(name, 0) + (int(fields[11]) + int(fields[12])) / ticks
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    seconds["parse (children)"] = (int(fields[13]) + int(fields[14])) / ticks
    return seconds


def database(server: Corbel) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{server.data / 'corbel.db'}?mode=ro", uri=True)


def look(server: Corbel) -> tuple[int, int]:
    """Versions that lack words, and those that lack anything."""
    with closing(database(server)) as connection:
        return connection.execute("select count(*) filter (where status = 0), count(*) filter (where status in (0, 1)) from document_version").fetchone()


def wait_done(server: Corbel, upload: subprocess.Popen[bytes], began: float) -> tuple[float, float]:
    """Seconds until the last version had its words, and until the last had its vectors."""
    words_s = 0.0
    while time.monotonic() - began < INGEST_SECONDS:
        uploaded = upload.poll() is not None
        unread, unfinished = look(server)
        if uploaded and not unread and not words_s:
            words_s = time.monotonic() - began
        if uploaded and not unfinished:
            return words_s, time.monotonic() - began
        time.sleep(LOOK_S)
    sys.exit("the ingest takes too long")


def ingest(server: Corbel, pages: list[Path]) -> tuple[float, float, dict[str, float], dict[str, float]]:
    env = {**os.environ, "CORBEL_URL": server.url, "CORBEL_KEY": server.key}
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            (Path(folder) / page.name).write_bytes(page.read_bytes())
        before, cpu_before = model_figures(server), cpu_by_thread(server.pid)
        began = time.monotonic()
        with subprocess.Popen(
            [program("corbel"), "ingest", "--collection", "manual", "--wait", "none", folder], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as upload:
            words_s, all_s = wait_done(server, upload, began)
    model = {name: value - before.get(name, 0) for name, value in model_figures(server).items()}
    cpu = {name: value - cpu_before.get(name, 0) for name, value in cpu_by_thread(server.pid).items()}
    return words_s, all_s, model, cpu


def texts(server: Corbel) -> list[str]:
    with closing(database(server)) as connection:
        rows = connection.execute("select heading_path, text from chunk order by id").fetchall()
    return [f"{heading}\n{text}" if heading else text for heading, text in rows]


def bare(model: str, sample: list[str]) -> dict[str, float]:
    command = [BUILD / "tests" / "perf" / "ingest" / "embed_bare", model, str(BATCH)]
    return json.loads(subprocess.run(command, input="\0".join(sample).encode(), stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    manual, model = Path(sys.argv[1]), sys.argv[2]
    pages = sorted(path for path in manual.glob("*.html") if path.name != "bookindex.html")[: int(sys.argv[3]) if len(sys.argv) > 3 else None]
    with Corbel({"embeddings": {"model_dir": model}}, model=True) as server:
        words_s, all_s, figures, cpu = ingest(server, pages)
        everything = texts(server)
    tokens, padding = figures["text"], figures["padding"]
    alone = bare(model, everything[::EVERY])
    print(f"{len(pages)} pages, {len(everything)} chunks, {tokens:.0f} tokens; load average {os.getloadavg()[0]:.1f}")
    print(f"all searchable by words after {words_s:.1f} s, all vectors committed after {all_s:.1f} s")
    print(f"a call of ONNX Runtime was in progress for {figures['sum']:.1f} s: {figures['sum'] / all_s:.1%} of the time, in {figures['count']:.0f} batches")
    print(f"  {'':22}{'chunks/s':>10}{'tokens/s':>10}{'padding':>9}{'CPU ms/chunk':>14}")
    print(f"  {'corbel, from upload':22}{len(everything) / all_s:10.1f}{tokens / all_s:10.0f}{padding / (padding + tokens):9.1%}{sum(cpu.values()) / len(everything) * 1000:14.2f}")
    print(f"  {'corbel, in the model':22}{len(everything) / figures['sum']:10.1f}{tokens / figures['sum']:10.0f}")
    share = alone["padding"] / (alone["padding"] + alone["tokens"])
    print(
        f"  {'ONNX Runtime alone':22}{alone['texts'] / alone['seconds']:10.1f}{alone['tokens'] / alone['seconds']:10.0f}{share:9.1%}"
        f"{alone['cpu_s'] / alone['texts'] * 1000:14.2f}"
    )
    print("CPU by thread: " + ", ".join(f"{name} {value:.1f} s" for name, value in sorted(cpu.items(), key=lambda each: -each[1]) if value >= 0.1))


main()
