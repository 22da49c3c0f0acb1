"""Where an error of pydantic belongs in a file, and what the models would accept there."""

from functools import cache
from typing import Any

from pydantic import BaseModel

from promotion_ladder.adapters.files.document import Path_

Schema = dict[str, Any]


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a model, made once."""
    return model.model_json_schema()


def locate(data: Any, loc: tuple[str | int, ...]) -> tuple[Path_, tuple[str | int, ...]]:
    """Split pydantic's location into the path that exists in ``data`` and the steps that do not.

    Pydantic puts the tag of a union between the steps (``gates.0.trades.min_n``); the file has no such step.
    """
    path: list[str | int] = []
    rest: list[str | int] = []
    here: Any = data
    tagged = False
    for step in loc:
        if isinstance(here, dict) and here.get("kind") == step and not tagged:
            tagged = True
        elif (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        ):
            path.append(step)
            here, tagged = _in(here, step), False
        else:
            rest.append(step)
    return tuple(path), tuple(rest)


def _in(container: Any, step: str | int) -> Any:
    return container[step]


def value_at(data: Any, path: Path_) -> Any:
    """What stands at a path that exists."""
    here: Any = data
    for step in path:
        here = here[step]
    return here


def expected_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> Schema:
    """The part of the model's schema that pydantic's location names; empty where it names none."""
    root = schema_of(model)
    here = root
    for step in loc:
        here = _step(root, here, step)
    return _resolve(root, here)


def fields_of(schema: Schema) -> dict[str, Schema]:
    """The fields a mapping may have."""
    found: dict[str, Schema] = schema.get("properties", {})
    return found


def kinds_of(schema: Schema) -> list[str]:
    """The kinds of a union told apart by ``kind``."""
    return list(schema.get("discriminator", {}).get("mapping", {}))


def words_of(schema: Schema) -> list[str]:
    """The words an enumeration allows, in an optional or a union too."""
    words = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    for branch in schema.get("anyOf", ()):
        words += words_of(branch)
    return [str(word) for word in words]


def is_duration(schema: Schema) -> bool:
    """Whether a duration is expected."""
    return _has_pattern(schema, "[smhdw]")


def is_share(schema: Schema) -> bool:
    """Whether a share (``10%``) is expected."""
    return _has_pattern(schema, "%$")


def _has_pattern(schema: Schema, part: str) -> bool:
    branches = [schema, *schema.get("anyOf", ())]
    return any(part in branch.get("pattern", "") for branch in branches) or any(
        _has_pattern(branch, part) for branch in branches[1:]
    )


def _resolve(root: Schema, node: Schema) -> Schema:
    if "$ref" in node:
        target: Schema = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return _resolve(root, target) | {key: node[key] for key in node if key != "$ref"}
    branches = [branch for branch in node.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        return _resolve(root, branches[0]) | {key: node[key] for key in node if key != "anyOf"}
    return node


def _step(root: Schema, node: Schema, step: str | int) -> Schema:
    node = _resolve(root, node)
    found: Schema | None
    if isinstance(step, int):
        found = node.get("items")
    elif step in kinds_of(node):
        found = {"$ref": node["discriminator"]["mapping"][step]}
    elif step in node.get("properties", {}):
        found = node["properties"][step]
    elif step == "[key]" or "[" in step:
        found = node
    else:
        rest = node.get("additionalProperties")
        found = rest if isinstance(rest, dict) else None
    return found if found is not None else {}
