"""Models of the OpenAPI document's schemas, as datamodel-code-generator makes them for pydantic: a reader that nobody here wrote.

What is read is written again and compared: a member that the document does not name, or calls by another type, does not come back the same.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness
import pydantic

PREFIX = "#/components/schemas/"
OPTIONS = ("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel", "--target-python-version", "3.11", "--enum-field-as-literal", "all", "--use-annotated", "--field-constraints")
NAMES = ("--naming-strategy", "parent-prefixed", "--formatters", "builtin", "--disable-timestamp")


class Models:
    """The models of the document of a corbel, made in a folder."""

    def __init__(self, corbel: harness.Corbel, folder: str) -> None:
        document, file = Path(folder) / "described.json", Path(folder) / "corbel_models.py"
        document.write_bytes(corbel.call("GET", "/openapi.json")[2])
        command = [sys.executable, "-m", "datamodel_code_generator", "--input", str(document), "--output", str(file), *OPTIONS, *NAMES]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150, check=False)
        assert done.returncode == 0, done.stdout
        spec = importlib.util.spec_from_file_location("corbel_models", file)
        assert spec and spec.loader
        self.module = importlib.util.module_from_spec(spec)
        sys.modules["corbel_models"] = self.module  # its annotations are looked up there
        spec.loader.exec_module(self.module)

    def read(self, name: str, value: Any) -> Any:
        """The value as the model of a schema; an AssertionError where it is not, or not all of it."""
        try:
            model = getattr(self.module, name).model_validate(value)
        except pydantic.ValidationError as error:
            raise AssertionError(f"{name}: {error}\n{value}"[:3000]) from error
        again = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert again == value, f"{name}: read as {again}, which was {value}"[:3000]
        return model.root if isinstance(model, pydantic.RootModel) else model

    def wrong(self, schema: Any, value: Any) -> str:
        """What is wrong with the value of a reference to a schema; empty: nothing."""
        try:
            self.read(schema["$ref"].removeprefix(PREFIX), value)
        except AssertionError as error:
            return str(error)
        return ""
