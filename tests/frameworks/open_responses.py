"""The compliance tests of Open Responses against corbel, before an upstream over OpenAI's wire and one over Anthropic's.

They are on no package registry, so this is no part of ./dev test. It wants a checkout with its packages installed (`npm install` there; `tsx` is among them):

	./dev build && python3 tests/frameworks/open_responses.py CHECKOUT

Prints a line for each test, and `N passed, N failed` last.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import harness  # noqa: E402

KEY = "upstream-key"


def main() -> int:
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "src" / "lib" / "compliance-tests.ts").is_file():
        sys.exit("usage: open_responses.py CHECKOUT: a checkout of Open Responses, with its packages installed")
    checkout = Path(sys.argv[1]).resolve()
    mock = harness.Mock("--key", KEY)
    wires = {"openai": f"{mock.url}/v1", "anthropic": mock.url}
    calls = {"headers": {"x-mock": "tool-call"}}
    config = {
        "providers": [
            {"name": kind + ("-calls" if more else ""), "kind": kind, "base_url": url, "api_key": KEY, **more} for kind, url in wires.items() for more in ({}, calls)
        ],
        "models": [{"name": name, "targets": [{"provider": name, "model": "m"}]} for kind in wires for name in (kind, f"{kind}-calls")],
    }
    corbel = harness.Corbel(config)
    models = [name for kind in wires for name in (kind, f"{kind}-calls")]
    command = ["npx", "tsx", HERE / "open_responses.ts", checkout, f"{corbel.url}/v1", corbel.key, *models]
    done = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=False)
    corbel.stop()
    mock.stop()
    lines = done.stdout.splitlines()
    passed = sum(line.startswith("passed ") for line in lines)
    print(done.stdout + f"{passed} passed, {len(lines) - passed} failed")
    return 0 if done.returncode == 0 and passed == len(lines) == 12 else 1


if __name__ == "__main__":
    sys.exit(main())
