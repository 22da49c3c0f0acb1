"""JSON Schemas of the operator files, for editors: completion and errors while one types."""

import json
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from promotion_ladder.adapters.files.kinds import KINDS
from promotion_ladder.core.base import Record, show_duration
from promotion_ladder.core.evaluate import OF_A_LADDER
from promotion_ladder.core.evidence import Evidence
from promotion_ladder.core.gates import Gate, Guard

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Case(Record):
    """A line of what ``ladder evaluate --batch`` reads; further fields are the writer's own."""

    id: str | int | None = None
    """What its verdict is told by."""
    gate: Gate | Guard
    """A gate or guard as in a ladder; ``name`` and ``query`` may be left out."""
    evidence: Evidence
    """What it judges."""


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each kind of file, by its name, made from the models."""
    found = {name: model.model_json_schema() for name, model in KINDS.items()}
    evidence = TypeAdapter(Evidence).json_schema()
    case = _without_ladder(Case.model_json_schema())
    for union in (evidence, case["properties"]["evidence"]):
        union["required"] = ["kind"]  # here alone: a number within a pair need not say that it is one
    found |= {"evidence": evidence, "case": case}
    return {name: _for_yaml(name, schema) for name, schema in found.items()}


def _without_ladder(schema: dict[str, Any]) -> dict[str, Any]:
    """What only a ladder needs may be left out of the gates in ``schema``."""
    for tagged in _unions(schema["properties"]["gate"]):
        for ref in tagged["discriminator"]["mapping"].values():
            required = schema["$defs"][ref.rsplit("/", 1)[1]]["required"]
            required[:] = [name for name in required if name not in OF_A_LADDER]
    return schema


def folder() -> Path:
    """Where the schemas lie: beside the files they describe."""
    return Path(str(files("promotion_ladder.config"))) / "schema"


def text_of(schema: dict[str, Any]) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path) -> list[Path]:
    """Write every schema; the files."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        file = directory / f"{name}.schema.json"
        file.write_text(text_of(schema), encoding="utf-8")
        written.append(file)
    return written


def _for_yaml(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """What people may write in YAML where pydantic's schema knows only its own JSON."""
    for part in [schema, *schema.get("$defs", {}).values()]:
        for field in part.get("properties", {}).values():
            _tidy(field)
    for tagged in (union for union in _unions(schema) if "required" not in union):
        for ref in tagged["discriminator"]["mapping"].values():
            _require_kind(schema["$defs"][ref.rsplit("/", 1)[1]])
    stage = schema.get("$defs", {}).get("Stage")
    if stage is not None:
        exits = stage["properties"]["exit"]
        exits["anyOf"] = [{"const": "auto"}, {"oneOf": exits.pop("oneOf"), "discriminator": exits.pop("discriminator")}]
        exits["default"] = "auto"
    return {"$schema": DRAFT, **schema, "title": f"{name} file of the promotion ladder"}


def _tidy(field: dict[str, Any]) -> None:
    field.pop("title", None)
    default = field.get("default")
    if isinstance(default, str) and default.startswith("P"):
        field["default"] = show_duration(TypeAdapter(timedelta).validate_python(default))
    if isinstance(default, dict):
        del field["default"]  # a whole default object says less than the fields' own defaults
    texts = field.get("additionalProperties")
    if texts == {"type": "string"}:  # every scalar of a file is text first, so 20 is as good as "20" here
        field["additionalProperties"] = {"type": ["string", "number", "boolean"]}
    if "description" in field:
        field["description"] = field["description"].replace("``", "`")


def _require_kind(part: dict[str, Any]) -> None:
    required = part.setdefault("required", [])
    if "kind" not in required:
        required.insert(0, "kind")
    part["properties"]["kind"].pop("default", None)


def _unions(node: Any) -> list[dict[str, Any]]:
    """Every union told apart by ``kind``, wherever it stands."""
    if isinstance(node, list):
        return [found for item in node for found in _unions(item)]
    if not isinstance(node, dict):
        return []
    here = [node] if "mapping" in node.get("discriminator", {}) else []
    return here + [found for item in node.values() for found in _unions(item)]
