#!/usr/bin/env python3
"""The checks of tools/check find what is planted for them, and pass what is right."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKS = Path(__file__).resolve().parents[2] / "tools" / "check"


class Tree(unittest.TestCase):
    """A source tree in a scratch directory, and a check that is run over it."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_check(self, name: str) -> tuple[int, str]:
        command = [sys.executable, str(CHECKS / f"{name}.py"), str(self.root)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout

    def assert_passes(self, name: str) -> None:
        status, output = self.run_check(name)
        self.assertEqual(status, 0, output)

    def assert_finds(self, name: str, finding: str) -> None:
        status, output = self.run_check(name)
        self.assertEqual(status, 1, output)
        self.assertIn(finding, output)


class Layers(Tree):
    def test_a_room_may_use_a_room_above_it(self) -> None:
        self.write("src/net/a.c", '#include "base/err.h"\n#include <llhttp.h>\n#include <sys/socket.h>\n#include "a.h"\n')
        self.assert_passes("layers")

    def test_a_room_may_not_use_a_room_below_it(self) -> None:
        self.write("src/base/a.c", '#include "net/http.h"\n')
        self.assert_finds("layers", "src/base/a.c:1")

    def test_a_third_party_header_outside_its_owner_is_found(self) -> None:
        self.write("src/api/a.c", "#include <yyjson.h>\n")
        self.assert_finds("layers", "<yyjson.h> belongs to json")

    def test_a_third_party_header_without_owner_is_found(self) -> None:
        self.write("src/api/a.c", "#  include <glib.h>\n")
        self.assert_finds("layers", "<glib.h> has no owner")

    def test_cmocka_is_for_tests_alone(self) -> None:
        self.write("src/base/a_test.c", "#include <cmocka.h>\n")
        self.assert_passes("layers")
        self.write("src/base/a.c", "#include <cmocka.h>\n")
        self.assert_finds("layers", "<cmocka.h> has no owner")

    def test_main_may_use_every_room_but_no_library(self) -> None:
        self.write("src/main.c", '#include "cli/cli.h"\n')
        self.assert_passes("layers")
        self.write("src/main.c", "#include <sqlite3.h>\n")
        self.assert_finds("layers", "<sqlite3.h> belongs to store")

    def test_a_folder_that_is_no_room_is_found(self) -> None:
        self.write("src/util/a.c", "")
        self.assert_finds("layers", "src/util is no room")


class Sizes(Tree):
    def function(self, lines: int) -> str:
        return "/* head */\nint\nf(int a,\n\tint b)\n{\n" + "\ta++;\n" * (lines - 2) + "}\n"

    def test_a_function_of_120_lines_passes_and_of_121_fails(self) -> None:
        self.write("src/base/a.c", self.function(120))
        self.assert_passes("sizes")
        self.write("src/base/a.c", self.function(121))
        self.assert_finds("sizes", "f has 121 lines")

    def test_a_file_over_1200_lines_fails(self) -> None:
        self.write("src/base/a.c", "/* head */\n" + "int x;\n" * 1200)
        self.assert_finds("sizes", "1201 lines")

    def test_a_file_without_head_comment_fails(self) -> None:
        self.write("src/base/a.c", "int x;\n")
        self.assert_finds("sizes", "no head comment")


class House(Tree):
    def setUp(self) -> None:
        super().setUp()
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)

    def test_plain_files_pass(self) -> None:
        self.write("README.md", "Documentation is at https://example.org/home/page.\n")
        self.assert_passes("house")

    def test_a_registry_host_is_found(self) -> None:
        self.write("a.sh", "curl https://registry." + "npmjs.org/openai\n")
        self.assert_finds("house", "names a package registry's host")

    def test_a_lock_file_with_addresses_is_found(self) -> None:
        self.write("package-lock.json", '"resolved": "' + 'https://mirror.example/a.tgz"\n')
        self.assert_finds("house", "carries a download address")

    def test_a_path_of_a_machine_is_found(self) -> None:
        self.write("docs/a.md", "see /ho" + "me/someone/notes\n")
        self.assert_finds("house", "names a path of somebody's machine")

    def test_unfinished_code_is_found(self) -> None:
        self.write("src/a.c", "/* TO" + "DO: later */\n")
        self.assert_finds("house", "is marked as unfinished")

    def test_foreign_code_is_found(self) -> None:
        self.write("third_party/lib.c", "")
        self.assert_finds("house", "third-party code in the tree")


PARKING = """
#define MAY_PARK
MAY_PARK int wait_for(int *waiter);
int fiber_go(const char *name, void *parent, void (*fn)(void *arg), void *arg);
struct sink {
\tMAY_PARK int (*event)(struct sink *sink);
\tint (*close)(struct sink *sink);
};
"""


class Parks(Tree):
    """Compiles one file as parks.sh does, and checks its call graph."""

    def run_parks(self, source: str) -> tuple[int, str]:
        self.write("src/a.c", PARKING + source)
        flags = ["-O1", "-fno-inline", "-fcallgraph-info=su", "-c", "../src/a.c", "-o", "src/a.c.o"]
        (self.root / "build" / "src").mkdir(parents=True)
        subprocess.run(["gcc", *flags], cwd=self.root / "build", check=True)
        command = [sys.executable, str(CHECKS / "parks.py"), str(self.root / "build"), str(self.root)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout

    def test_marked_callers_and_the_beginning_of_a_fiber_pass(self) -> None:
        status, output = self.run_parks(
            "MAY_PARK static int\nread_all(void)\n{\n\treturn wait_for(0);\n}\n"
            "static void\nserve(void *arg)\n{\n\t*(int *)arg = read_all();\n}\n"
            'int\nstart(void)\n{\n\treturn fiber_go("a", 0, serve, 0);\n}\n'
        )
        self.assertEqual(status, 0, output)
        self.assertIn("serve (small): read_all", output)

    def test_an_unmarked_caller_is_found(self) -> None:
        status, output = self.run_parks("int\nsneak(void)\n{\n\treturn wait_for(0) + 1;\n}\n")
        self.assertEqual(status, 1, output)
        self.assertIn("sneak calls wait_for", output)

    def test_an_unmarked_caller_through_a_marked_member_is_found(self) -> None:
        status, output = self.run_parks("int\nsneak(struct sink *sink)\n{\n\treturn sink->event(sink) + 1;\n}\n")
        self.assertEqual(status, 1, output)
        self.assertIn("sneak calls through event", output)

    def test_a_marked_function_in_an_unmarked_member_is_found(self) -> None:
        status, output = self.run_parks(
            "MAY_PARK static int\nlinger(struct sink *sink)\n{\n\treturn wait_for((int *)sink);\n}\n"
            "struct sink one = { .close = linger };\n"
        )
        self.assertEqual(status, 1, output)
        self.assertIn("linger may park, and is stored in close", output)

    def test_a_stack_past_its_limit_is_found(self) -> None:
        status, output = self.run_parks(
            "int use(char *);\nstatic void\ngreedy(void *arg)\n{\n\tchar big[60000];\n\t*(int *)arg = use(big);\n}\n"
            'int\nstart(void)\n{\n\treturn fiber_go("a", 0, greedy, 0);\n}\n'
        )
        self.assertEqual(status, 1, output)
        self.assertIn("bytes of stack, more than", output)


if __name__ == "__main__":
    unittest.main()
