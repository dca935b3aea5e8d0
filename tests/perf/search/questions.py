"""Terms of a manual's index, one a line, as questions for search_bench: questions.py MANUAL EVERY."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "retrieval"))

from judgement import read_manual  # noqa: E402


def main() -> None:
    _, questions = read_manual(Path(sys.argv[1]))
    for question in [question for question in questions if question.kind != "purpose"][:: int(sys.argv[2])]:
        print(question.text)


main()
