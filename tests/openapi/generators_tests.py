"""What others make of the OpenAPI document: its validator, and clients made from it.

openapi-spec-validator holds the document against the specification. openapi-typescript makes types of it, which `tsc` checks together with a client over them (typed_client.ts), which then runs.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import harness
import openapi_spec_validator

HERE = Path(__file__).resolve().parent
NODE = Path(os.environ["CORBEL_OPENAPI_NODE"])
STRICT = ("--strict", "--skipDefaultLibCheck", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--lib", "es2023,dom,dom.iterable")


class Generators:
    """Facts about the document of a corbel that runs, in the order in which they need each other."""

    def __init__(self, corbel: harness.Corbel, folder: str) -> None:
        self.corbel = corbel
        self.folder = Path(folder) / "generated"
        self.folder.mkdir()
        (self.folder / "openapi.json").write_bytes(corbel.call("GET", "/openapi.json")[2])
        (self.folder / "package.json").write_text('{"type": "module"}')
        (self.folder / "typed_client.ts").write_bytes((HERE / "typed_client.ts").read_bytes())
        (self.folder / "node_modules").symlink_to(NODE / "node_modules")

    def _node(self, *command: str) -> str:
        env = {**os.environ, "CORBEL_URL": self.corbel.url, "CORBEL_KEY": self.corbel.key}
        done = subprocess.run(["node", *command], cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150, check=False)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def no_name_stands_twice_in_an_object_of_the_document(self) -> None:
        def once(pairs: list) -> dict:
            assert len(dict(pairs)) == len(pairs), sorted(name for name, _ in pairs)
            return dict(pairs)

        json.loads((self.folder / "openapi.json").read_text(), object_pairs_hook=once)

    def the_document_is_valid_by_openapi_spec_validator(self) -> None:
        openapi_spec_validator.validate(json.loads((self.folder / "openapi.json").read_text()), cls=openapi_spec_validator.OpenAPIV31SpecValidator)

    def openapi_typescript_makes_types_of_it(self) -> None:
        self._node("node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "corbel.d.ts")

    def tsc_accepts_these_types_and_a_client_over_them(self) -> None:
        self._node("node_modules/typescript/bin/tsc", "--noEmitOnError", *STRICT, "corbel.d.ts", "typed_client.ts")

    def the_typed_client_reads_what_corbel_answers(self) -> None:
        said = self._node("typed_client.js")
        assert said.count("\n") == (HERE / "typed_client.ts").read_text().count("\ncheck("), said

    def tests(self) -> list:
        return [getattr(self, name) for name in vars(type(self)) if not name.startswith("_") and name != "tests"]
