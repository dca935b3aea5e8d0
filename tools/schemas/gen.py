"""Turns the .json files of schemas into a C table: a name and its JSON Schema, without blanks.

Each file is an object of schemas by name; they refer to each other, and to the names given by --also, as components of the OpenAPI document. A discriminator gets its mapping from the schemas it chooses among; what generators of clients would else take for something narrower or wider than it is, is said: that constants are texts, that an object without named members has any, and what an object has that is another and more. A name that stands twice, or is referred to and not there, is a mistake.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

PREFIX = "#/components/schemas/"


class Mistake(Exception):
    pass


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Mistake(f"stands twice: {sorted(twice)}")
    return dict(pairs)


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def read(paths: list[str]) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            own = json.load(file, object_pairs_hook=once)
        schemas = once([*schemas.items(), *own.items()])
    return schemas


def whole(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """An object that is another and more (`allOf`), as one. The other is no schema of the document by that alone."""
    if "allOf" not in schema:
        return schema
    parts = [*(schemas[reference.removeprefix(PREFIX)] for reference in references(schema["allOf"])), schema]
    required = dict.fromkeys(name for part in parts for name in part.get("required", []))
    return {"type": "object", "required": list(required), "properties": {name: value for part in parts for name, value in part["properties"].items()}}


def explicit(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, with what it only implies."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values and "type" not in schema and all(isinstance(value, str) for value in values):
        return {"type": "string", **schema}
    if schema.get("type") in ("object", ["object", "null"]) and not {"properties", "additionalProperties"} & schema.keys():
        return {**schema, "additionalProperties": True}
    return schema


def finished(schema: Any, schemas: dict[str, Any]) -> Any:
    """The schema as it stands in the document; a discriminator of a oneOf says which value of its member stands for which of the schemas, as these say themselves."""
    if isinstance(schema, list):
        return [finished(each, schemas) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = explicit({key: finished(value, schemas) for key, value in whole(schema, schemas).items()})
    if isinstance(schema.get("discriminator"), dict) and "oneOf" in schema:
        member, mapping = schema["discriminator"]["propertyName"], {}
        for reference in references(schema["oneOf"]):
            named = schemas[reference.removeprefix(PREFIX)]["properties"][member]
            for value in named.get("enum", [named.get("const")]):
                if not isinstance(value, str) or value in mapping or member not in schemas[reference.removeprefix(PREFIX)]["required"]:
                    raise Mistake(f"{reference} is not told from the others by {member}")
                mapping[value] = reference
        made["discriminator"] = {**schema["discriminator"], "mapping": mapping}
    return made


def c_text(text: str) -> str:
    """A C string; long ones in pieces, so that lines can be read."""
    pieces = [text[i : i + 160] for i in range(0, len(text), 160)]
    return "\n\t\t".join(json.dumps(piece) for piece in pieces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, metavar="FILE.c")
    parser.add_argument("--also", default="", help="names that others provide, with commas")
    parser.add_argument("files", nargs="+", metavar="FILE.json")
    args = parser.parse_args()
    schemas = read(args.files)
    known = {PREFIX + name for name in [*schemas, *args.also.split(",")]}
    for name, schema in schemas.items():
        missing = sorted(set(references(schema)) - known)
        if missing:
            raise Mistake(f"{name} refers to what is not there: {missing}")
    parts = {reference for schema in schemas.values() for reference in references(schema.get("allOf", []))}
    rows = "".join(f'\t{{ "{name}",\n\t\t{c_text(json.dumps(schema, separators=(",", ":"), ensure_ascii=True))} }},\n' for name, schema in ((name, finished(schema, schemas)) for name, schema in schemas.items() if PREFIX + name not in parts))
    with open(args.out, "w", encoding="utf-8") as file:
        file.write(f'/* Generated from src/api/schemas by tools/schemas/gen.py. */\n#include "api/schemas.h"\n\nconst struct api_schema api_schemas[] = {{\n{rows}\t{{ 0 }},\n}};\n')


if __name__ == "__main__":
    try:
        main()
    except Mistake as mistake:
        sys.exit(f"gen.py: {mistake}")
