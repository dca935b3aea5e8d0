"""Starts the world, then the suites in their environments, one after the other; prints the sum last. CORBEL_FRAMEWORKS names the environments: "suite=python" pairs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import harness  # noqa: E402
import table  # noqa: E402
import world  # noqa: E402

# Suite, and the environment that it runs in: the name of a requirements file, or node.
SUITES = {
    "openai": "clients",
    "official": "node",
    "anthropic": "clients",
    "agents": "agents",
    "pydantic_ai": "agents",
    "langchain": "langchain",
    "llama_index": "llama_index",
    "instructor": "instructor",
    "litellm": "dspy",
    "dspy": "dspy",
    "ai": "node",
}


def suite(name: str, program: str, only: str, corbel: harness.Corbel, mock: harness.Mock) -> tuple[int, int, list[table.Cell]]:
    """What a suite in a process of its own counted, and its cells of the table; one failure if it did not get that far."""
    file = HERE / (f"{name}_suite.mjs" if program == "node" else f"{name}_suite.py")
    env = {**os.environ, "CORBEL_URL": corbel.url, "CORBEL_KEY": corbel.key, "MOCK_URL": mock.url, "HOME": corbel.scratch.name, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run([program, str(file), only], env=env, stdout=subprocess.PIPE, text=True, timeout=400, check=False)
    cells, said = table.cells_of(done.stdout.rstrip().split("\n"))
    last = said.pop() if said else ""
    counted = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    print("\n".join(said if counted else [*said, last, f"FAILED  {name} ended with {done.returncode}, without its count"]), flush=True)
    return (int(counted[1]), int(counted[2]), cells) if counted else (0, 1, cells)


def main() -> int:
    only = next((argument for argument in sys.argv[1:] if argument != "--write"), "")
    programs = dict(pair.split("=", 1) for pair in os.environ["CORBEL_FRAMEWORKS"].split())
    with harness.Mock("--key", world.UPSTREAM_KEY) as mock, harness.Corbel(world.config(mock.url)) as corbel:
        counts = [suite(name, programs[where], only, corbel, mock) for name, where in SUITES.items()]
        facts = {"the books are right after all of it": corbel.cli("verify").returncode == 0}
        cells = [cell for count in counts for cell in count[2]]
        if "--write" in sys.argv:
            table.write(cells)
        if not only:
            facts["docs/clients.md has the table of this run"] = table.stands(cells)
        for fact, holds in facts.items():
            print(f"{'ok      ' if holds else 'FAILED  '}{fact}")
        passed, failed = sum(count[0] for count in counts) + sum(facts.values()), sum(count[1] for count in counts) + len(facts) - sum(facts.values())
        if failed:
            print(f"-- the end of corbel's log:\n{corbel.errors()[-4000:]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
