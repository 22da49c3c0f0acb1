"""The PromQL of ladders: what is wrong with it as it stands, and what to ask a Prometheus to see it answered."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from promotion_ladder.adapters.files.document import Document, Path_
from promotion_ladder.adapters.files.kinds import parse_any
from promotion_ladder.adapters.files.problem import Problem, Severity
from promotion_ladder.core.gates.check import Asked, Check, show
from promotion_ladder.core.gates.comparison import DeltaGate
from promotion_ladder.core.ladder import Ladder, Stage
from promotion_ladder.core.platform import Mode
from promotion_ladder.core.promql import review
from promotion_ladder.core.query import expand


class Query(NamedTuple):
    """One query where it stands."""

    document: Document
    at: Path_
    check: Check
    asked: Asked
    stage: Stage
    ladder: Ladder

    def problem(self, message: str, hint: str, severity: Severity) -> Problem:
        """A problem with it."""
        return self.document.problem(self.at, message, hint, severity=severity)


def queries_of(document: Document, ladder: Ladder) -> Iterator[Query]:
    """Every query of a ladder."""
    for index, stage in enumerate(ladder.stages):
        guards = stage.guards.checks if stage.guards is not None else ()
        places: list[tuple[Path_, Check]] = [(("gates", place), gate) for place, gate in enumerate(stage.gates)]
        places += [(("guards", "checks", place), guard) for place, guard in enumerate(guards)]
        for at, check in places:
            for field, asked in check.queries().items():
                if field in check.model_fields_set:  # the rest are defaults, or the same for the other arm
                    yield Query(document, ("stages", index, *at, field), check, asked, stage, ladder)


def queries_in(files: Iterable[Path]) -> Iterator[Query]:
    """Every query of the ladders among ``files`` that can be read; what several stages share once."""
    for file in files:
        one = parse_any(file)
        if one.document is not None and isinstance(one.value, Ladder):
            by_place = {one.document.place(query.at): query for query in queries_of(one.document, one.value)}
            yield from by_place.values()


def reviewed(document: Document, ladder: Ladder) -> list[Problem]:
    """What is wrong with the queries of a ladder, or perhaps not meant; what several stages share once."""
    found: dict[tuple[int, int, str], Problem] = {}
    for query in queries_of(document, ladder):
        remarks = [
            query.problem(remark.message, remark.hint, "error" if remark.refused else "warning")
            for remark in review(query.asked.query, ladder.metrics, query.asked.by)
        ]
        for problem in [*remarks, *_unequal(query)]:
            found.setdefault((problem.line, problem.column, problem.message), problem)
    return list(found.values())


def _unequal(query: Query) -> Iterator[Problem]:
    """An amount of money grows with the capital it was made with, so a limit on a difference means little."""
    gate, stage = query.check, query.stage
    if not isinstance(gate, DeltaGate) or gate.unit == "per_capital" or stage.mode is not Mode.CANARY:
        return
    money = gate.unit == "usd" or "_usd" in expand(gate.query, query.ladder.metrics, {}, stage.observe.min)
    theirs = stage.against_capital(gate.against)
    if money and theirs != stage.share:
        yield query.problem(
            f"an amount of money of a candidate with {_percent(stage.share)} of the capital is compared with that of "
            f"{gate.against} with {_percent(theirs)}",
            "state 'unit: per_capital' with a limit per unit of capital, or 'against: baseline'",
            "warning",
        )


def _percent(share: Decimal) -> str:
    return f"{show(share * 100)}%"
