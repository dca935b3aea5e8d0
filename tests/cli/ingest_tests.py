"""Files into a collection, by the command line alone: what goes in, what stays out, and what happens the second time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from common import CLEAN, corbel, directory, expect
from harness import Corbel, program


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def ingest(server: Corbel, *arguments: str | Path) -> dict[str, int]:
    done = server.cli("ingest", "--json", "--collection", "manual", *arguments)
    expect(done, 0)
    return json.loads(done.stdout)


def documents(server: Corbel) -> dict[str, dict[str, object]]:
    return {row["path"]: row for row in json.loads(server.cli("document", "ls", "--json", "manual").stdout)["data"]}


def a_directory_goes_in_without_what_is_hidden_or_unknown() -> None:
    with Corbel({}) as server, directory() as path:
        root = Path(path)
        write(root, {
            "guide.md": "# Guide\n\nThe frobnicator turns left.",
            "deep/er/note with blank & ü.txt": "The crankshaft is blue.",
            "page.html": "<h1>Page</h1><p>Some words.</p>",
            "main.c": "int main(void) { return 0; }",
            ".hidden/secret.md": "hidden",
            ".secret.md": "hidden",
            "blob.bin": bytes(range(256)) * 20,
        })
        (root / "link.md").symlink_to(root / "guide.md")
        summary = ingest(server, root)
        assert (summary["uploaded"], summary["unchanged"], summary["skipped"], summary["failed"]) == (4, 0, 1, 0), summary
        assert set(documents(server)) == {"guide.md", "deep/er/note with blank & ü.txt", "page.html", "main.c"}
        shown = json.loads(server.cli("collection", "show", "--json", "manual").stdout)
        assert shown["documents"] == 4 and shown["queued"] == 0 and shown["failed"] == 0, shown
        expect(server.cli("collection", "ls"), 0, "manual")
        expect(server.cli("document", "show", "manual", "deep/er/note with blank & ü.txt"), 0, "deep/er/note")


def unchanged_files_are_not_sent_again_and_a_changed_one_is_a_new_version() -> None:
    with Corbel({}) as server, directory() as path:
        root = Path(path)
        write(root, {f"{i}.md": f"# Chapter {i}\n\nText of chapter {i}." for i in range(5)})
        assert ingest(server, root)["uploaded"] == 5
        summary = ingest(server, root)
        assert (summary["uploaded"], summary["unchanged"]) == (0, 5), summary
        write(root, {"3.md": "# Chapter 3\n\nAnother text."})
        summary = ingest(server, root)
        assert (summary["uploaded"], summary["unchanged"]) == (1, 4), summary
        assert {name: row["version"] for name, row in documents(server).items()} == {f"{i}.md": 2 if i == 3 else 1 for i in range(5)}


def a_broken_file_is_named_and_the_others_go_in() -> None:
    with Corbel({}) as server, directory() as path:
        write(Path(path), {"good.md": "# Good\n\nwords", "broken.json": '{"a": [1, 2', "broken.pdf": b"%PDF-1.4\ngarbage"})
        done = server.cli("ingest", "--collection", "manual", path)
        expect(done, 0, "broken.json", "broken.pdf", "2 broken")
        assert {name: row["status"] == "failed" for name, row in documents(server).items()} == {"good.md": False, "broken.json": True, "broken.pdf": True}


def it_ends_with_1_only_when_nothing_went_in() -> None:
    with Corbel({}) as server, directory() as path:
        write(Path(path), {"blob.bin": bytes(range(256)) * 20})
        expect(server.cli("ingest", "--collection", "manual", path), 1, "1 skipped")
        expect(server.cli("ingest", "--collection", "manual", Path(path) / "nowhere"), 1, "nowhere: No such file or directory")
        write(Path(path), {"good.md": "# Good"})
        expect(corbel("ingest", path, "--url", server.url, "--key", "cb_wrong"), 4)


def an_ingest_that_is_killed_is_taken_up_again() -> None:
    with Corbel({}) as server, directory() as path:
        write(Path(path), {f"{i:04}.md": f"# Part {i}\n\n" + f"word{i} " * 200 for i in range(1500)})
        command = [str(program("corbel")), "ingest", "--collection", "manual", path]
        process = subprocess.Popen(command, env={**CLEAN, "CORBEL_URL": server.url, "CORBEL_KEY": server.key}, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        summary = ingest(server, path)
        assert summary["uploaded"] + summary["unchanged"] == 1500 and summary["failed"] == 0, summary
        assert json.loads(server.cli("collection", "show", "--json", "manual").stdout)["documents"] == 1500


def documents_and_collections_are_removed() -> None:
    with Corbel({}) as server, directory() as path:
        write(Path(path), {"a/one.md": "# One\n\nwords", "two.md": "# Two\n\nwords"})
        ingest(server, path)
        expect(server.cli("document", "rm", "manual", "a/one.md"), 0, "removed")
        assert set(documents(server)) == {"two.md"}
        expect(server.cli("document", "rm", "manual", "a/one.md"), 1)
        expect(server.cli("collection", "rm", "manual"), 0, "removed")
        expect(server.cli("collection", "show", "manual"), 1, "manual")
        expect(server.cli("document", "ls", "manual"), 1)


def a_question_on_the_documents_is_answered_with_sources() -> None:
    with Corbel({}) as server, directory() as path:
        write(Path(path), {
            "engine.md": "# The engine\n\nThe frobnicator of the engine turns left at 900 revolutions.",
            "paint.md": "# The paint\n\nThe hood is painted blue.",
        })
        ingest(server, path)
        done = server.cli("ask", "--collection", "manual", "Which way does the frobnicator turn?")
        expect(done, 0, "turns left", "[1]", "/documents/")
        expect(server.cli("trace", "ls"), 0, "collection/manual")


TESTS = [
    a_directory_goes_in_without_what_is_hidden_or_unknown,
    unchanged_files_are_not_sent_again_and_a_changed_one_is_a_new_version,
    a_broken_file_is_named_and_the_others_go_in,
    it_ends_with_1_only_when_nothing_went_in,
    an_ingest_that_is_killed_is_taken_up_again,
    documents_and_collections_are_removed,
    a_question_on_the_documents_is_answered_with_sources,
]
