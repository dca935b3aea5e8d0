"""Questions and the pages that answer them, taken from a DocBook manual in HTML: nobody here judged anything.

Three sources, all written by the manual's authors for other ends:

- its index (bookindex.html): a term, alone or with a sub-term, and the pages that define it;
- the index's cross-references: "X (see Y)" asks X, in words that the manual does not use, and is answered by Y's pages;
- the one-line purposes of its reference pages ("CREATE INDEX — define a new index"), which are taken out of the page that is searched.

A judgement is incomplete (an index names where a topic is defined, not where it is mentioned), so systems are compared by it, and nothing is read from its
absolute values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

INDEX_PAGE = "bookindex.html"
NAME = re.compile(r"[^A-Za-z'-]|[A-Z]{2}|[a-z][A-Z]")  # not a plain word
PURPOSE = re.compile(rb'(<div class="refnamediv">.*?<p>)(.*?)(</p>)', re.S)
TAG = re.compile(r"<[^>]*>")


@dataclass
class Question:
    text: str
    kind: str  # words: two or more plain words; word: one; code: a name or a command; see; purpose
    pages: set[str] = field(default_factory=set)


@dataclass
class Entry:
    term: str
    depth: int
    pages: set[str] = field(default_factory=set)
    see: str = ""  # id of another entry
    id: str = ""


class IndexParser(HTMLParser):
    """Entries of bookindex.html: <dt id=…>term, <a href=page#…>Section</a>…</dt>, sub-entries in a <dl> of the <dd> that follows."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.depth = 0
        self.inside = False
        self.link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "dl":
            self.depth += 1
        elif tag == "dt":
            self.entries.append(Entry("", self.depth, id=about.get("id") or ""))
            self.inside = True
        elif tag == "a" and self.inside:
            target = about.get("href") or ""
            self.link = True
            if target.startswith("#"):
                self.entries[-1].see = target[1:]
            elif target:
                self.entries[-1].pages.add(target.split("#")[0])

    def handle_endtag(self, tag: str) -> None:
        if tag == "dl":
            self.depth -= 1
        elif tag == "dt":
            self.inside = False
        elif tag == "a":
            self.link = False

    def handle_data(self, data: str) -> None:
        if self.inside and not self.link:
            self.entries[-1].term += data


def clean(term: str) -> str:
    return re.sub(r"\(see .*$", "", re.sub(r"\s+", " ", term)).strip(" ,")


def kind_of(term: str) -> str:
    """A name has characters that words have not; a command is names throughout."""
    words = term.split()
    if any(re.search(r"[^A-Za-z',()-]", word) for word in words) or all(NAME.search(word) for word in words):
        return "code"
    return "words" if len(words) > 1 else "word"


def index_questions(manual: Path, known: set[str]) -> list[Question]:
    parser = IndexParser()
    parser.feed((manual / INDEX_PAGE).read_text(encoding="utf-8"))
    path: list[str] = []
    asked: dict[str, Question] = {}  # by text without case
    seen: dict[str, tuple[str, str]] = {}  # text without case -> as it stands, id of the entry it is sent to
    inside: dict[str, list[Entry]] = {}  # id -> the entry and its sub-entries
    parents: list[str] = []
    for entry in parser.entries:
        path = [*path[: entry.depth - 1], clean(entry.term)]
        parents = [*parents[: entry.depth - 1], entry.id]
        for parent in filter(None, parents):
            inside.setdefault(parent, []).append(entry)
        text = " ".join(part for part in path if part)
        if text and entry.pages & known:
            asked.setdefault(text.lower(), Question(text, kind_of(text))).pages.update(entry.pages & known)
        if text and entry.see:
            seen.setdefault(text.lower(), (text, entry.see))
    for key, (text, target) in seen.items():
        own = [entry for entry in inside.get(target, [])[:1] if entry.pages]
        pages = {page for entry in own or inside.get(target, []) for page in entry.pages & known}
        if pages and key not in asked:
            asked[key] = Question(text, "see", pages)
    return list(asked.values())


def purpose_questions(pages: dict[str, bytes]) -> list[Question]:
    """Takes the purposes out of `pages`; one question for all pages of the same purpose."""
    found: dict[str, Question] = {}
    for name, body in pages.items():
        match = PURPOSE.search(body)
        title, dash, purpose = match.group(2).partition(" — ".encode()) if match else (b"", b"", b"")
        if not dash:
            continue
        pages[name] = body[: match.start(2)] + title + body[match.end(2) :]
        text = re.sub(r"\s+", " ", TAG.sub("", purpose.decode())).strip()
        found.setdefault(text, Question(text, "purpose")).pages.add(name)
    return list(found.values())


def read_manual(manual: Path) -> tuple[dict[str, bytes], list[Question]]:
    """The pages to be searched (without index and purposes), and the questions."""
    pages = {path.name: path.read_bytes() for path in sorted(manual.glob("*.html")) if path.name != INDEX_PAGE}
    return pages, index_questions(manual, set(pages)) + purpose_questions(pages)
