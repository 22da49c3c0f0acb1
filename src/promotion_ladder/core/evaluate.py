"""Judging recorded evidence: the models of what stands in a file, and the verdict on it."""

from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import Evidence
from promotion_ladder.core.gates import Gate, Guard
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.verdict import Verdict


def _kinds(*unions: Any) -> dict[str, tuple[type[Any], ...]]:
    """The models of unions told apart by ``kind``, by their kinds."""
    found: dict[str, tuple[type[Any], ...]] = {}
    for union in unions:
        for model in get_args(get_args(union)[0]):
            kind = model.model_fields["kind"].default
            found[kind] = (*found.get(kind, ()), model)
    return found


CHECKS: Final[dict[str, tuple[type[Check], ...]]] = _kinds(Gate, Guard)
"""Every kind of gate and guard; some words are both, and then judge alike."""
EVIDENCE: Final[dict[str, type[BaseModel]]] = {kind: models[0] for kind, models in _kinds(Evidence).items()}
"""Every kind of evidence."""
OF_A_LADDER = ("name", "query")
"""Parameters that only a ladder needs: what people call the check, and where its evidence comes from."""


def check_model(data: dict[str, Any]) -> type[Check] | None:
    """The gate or guard that ``data`` states by its ``kind``; None when there is no such kind.

    Where both have the kind it is the gate, unless ``data`` states what only the guard has.
    """
    kind = data.get("kind")
    models = CHECKS.get(kind, ()) if isinstance(kind, str) else ()
    return next((model for model in models if data.keys() <= model.model_fields.keys()), next(iter(models), None))


def completed(model: type[Check], data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with what only a ladder needs filled in where it is left out."""
    return {name: data["kind"] for name in OF_A_LADDER if name in model.model_fields} | data


def verdict(check: Check, data: dict[str, Any]) -> Verdict:
    """What ``check`` says of the evidence in ``data``, whose ``kind`` is one of :data:`EVIDENCE`.

    NaN and infinity where a number is asked are ``no_data``. Raises ValidationError for everything else that is no
    evidence of its kind; a field that is not known is refused, since a slip in ``problem`` would be a pass.
    """
    try:
        evidence: Any = EVIDENCE[data["kind"]].model_validate(data, extra="forbid")
    except ValidationError as error:
        faults = error.errors(include_url=False)
        if any(fault["type"] != "finite_number" for fault in faults):
            raise
        told = f"evidence.{'.'.join(map(str, faults[0]['loc']))} is {faults[0]['input']}"
        return check.missing(Code.NOT_A_NUMBER, told)
    try:
        return check.judge(evidence)
    except ArithmeticError as error:
        return check.missing(Code.NOT_A_NUMBER, f"the numbers cannot be computed with: {type(error).__name__}")
