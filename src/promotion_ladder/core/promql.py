"""What is said of a gate's PromQL before anything runs: that it can be read, is about the bot, answers one series.

What Prometheus answers decides in the end: several series, no data and warnings are never a pass there either.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import promql_parser as promql

from promotion_ladder.core.query import expand, origin

LONGEST = 2000
"""Characters of a query that are looked at; the parser's own stack ends some thousands of brackets later."""
_SAMPLE = {"bot": "of-this-gate", "release": "of-this-gate", "variant": "of-this-gate"}
_WINDOW = timedelta(hours=1)
_PICKS = ("topk", "bottomk", "count_values", "limitk", "limit_ratio")
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_QUOTES = ("'", '"', "`")
_CLOSES = {"(": ")", "[": "]", "{": "}"} | {quote: quote for quote in _QUOTES}
_ONE = ("vector", "absent", "absent_over_time")
_SUM = "wrap it in sum(…)"


class Remark(NamedTuple):
    """One thing to say of a query."""

    message: str
    hint: str
    refused: bool = True
    """False for what may be meant so."""


def review(query: str, metrics: dict[str, str], by: str = "") -> list[Remark]:
    """What is wrong with a query of a check; a ladder's ``metrics`` name its metrics.

    It may answer a series for each value of the label ``by``.

    Raises ValueError, as :func:`expand` does, when it cannot even be filled in.
    """
    filled = expand(query, metrics, _SAMPLE, _WINDOW)
    if len(filled) > LONGEST:
        return [Remark(f"the query has more than {LONGEST} characters", "put a part of it into a recording rule")]
    try:
        tree = promql.parse(filled)
    except ValueError as error:
        where = origin(query, metrics, _SAMPLE, _WINDOW, _first_wrong(filled, str(error)))
        near = f"'{query[where : where + 24]}'" if query[where:] else "its end"
        return [Remark(f"no PromQL: {error}, at character {where + 1} of the query, near {near}", "")]
    try:
        found = [*_about(tree), *_several(tree, {*_SAMPLE, by}), *_filtered(tree)]
    except RecursionError:
        return [Remark("the query is nested too deeply", "put a part of it into a recording rule")]
    return list(dict.fromkeys(found))


def _first_wrong(text: str, error: str) -> int:
    """The index of the character that brings the error about: the parser says what is wrong, but not where.

    What is before it can be read once its brackets are closed, and with it the error is there.
    """
    closing, opened = _closing(text)
    if closing[-1]:
        return opened
    ends = range(1, len(text) + 1)
    read = next((end for end in reversed(ends) if _error(text[:end] + closing[end]) is None), 0)
    return next((end - 1 for end in ends[read:] if _error(text[:end] + closing[end]) == error), 0)


def _closing(text: str) -> tuple[list[str], int]:
    """What closes the brackets and quotes of each prefix of ``text``; and where the last one was opened."""
    found, opened = [""], [0]
    escaped = False
    for index, letter in enumerate(text):
        still = found[-1]
        quote = still[:1] if still[:1] in _QUOTES else ""
        if quote and (escaped or letter != quote):
            escaped = letter == "\\" and not escaped
        elif letter == still[:1]:
            still = still[1:]
            opened.pop()
        elif letter in _CLOSES:
            still = _CLOSES[letter] + still
            opened.append(index)
        found.append(still)
    return found, opened[-1]


def _error(text: str) -> str | None:
    try:
        promql.parse(text)
    except ValueError as error:
        return str(error)
    return None


def _bare(tree: Any) -> Any:
    while isinstance(tree, promql.ParenExpr | promql.UnaryExpr):
        tree = tree.expr
    return tree


def _parts(tree: Any) -> list[Any]:
    match tree:
        case promql.BinaryExpr():
            return [tree.lhs, tree.rhs]
        case promql.Call():
            return list(tree.args)
        case promql.MatrixSelector():
            return [tree.vector_selector]
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return [tree.expr]
        case _:
            return []


def _selectors(tree: Any) -> Iterator[Any]:
    if isinstance(tree, promql.VectorSelector):
        yield tree
    for part in _parts(tree):
        yield from _selectors(part)


def _labelled(selector: Any) -> bool:
    groups = selector.matchers.or_matchers or [selector.matchers.matchers]
    stated = [{m.name: m.value for m in group if m.op == promql.MatchOp.Equal} for group in groups]
    return all(_SAMPLE.items() <= labels.items() for labels in stated)


def _numerator(tree: Any) -> Any:
    tree = _bare(tree)
    while isinstance(tree, promql.BinaryExpr) and str(tree.op) == "/":
        tree = _bare(tree.lhs)
    return tree


def _about(tree: Any) -> Iterator[Remark]:
    """Whether the query asks about this bot, release and variant."""
    mend = "write the selector as $orders{$labels}: $labels becomes bot, release and variant"
    selectors = list(_selectors(tree))
    if not any(map(_labelled, selectors)):
        yield Remark("no selector has $labels, so it would judge another bot, or all of them", mend)
    elif not any(map(_labelled, _selectors(_numerator(tree)))):
        yield Remark("nothing above the division has $labels, so it would judge another bot", mend)
    else:
        names = [selector.name or "{…}" for selector in selectors if not _labelled(selector)]
        for name in names:
            yield Remark(
                f"'{name}' is asked without $labels: it is the same for every bot and variant", mend, refused=False
            )


def _several(tree: Any, labels: set[str]) -> Iterator[Remark]:
    """What keeps the query from answering one series; ``labels`` are those that may be left over."""
    tree = _bare(tree)
    match tree:
        case promql.StringLiteral():
            yield Remark("the query answers text", "ask for a number")
        case promql.MatrixSelector() | promql.SubqueryExpr():
            yield Remark("the query answers a range of samples", "put it into rate(…), increase(…) or avg_over_time(…)")
        case promql.VectorSelector():
            yield Remark(
                f"'{tree.name or '{…}'}' has one series only while it has no further labels", _SUM, refused=False
            )
        case promql.AggregateExpr():
            yield from _aggregated(tree, labels)
        case promql.BinaryExpr():
            yield from _several(tree.lhs, labels)
            if str(tree.op) not in ("and", "unless"):  # those only take away
                yield from _several(tree.rhs, labels)
        case promql.Call():
            yield from _called(tree, labels)


def _called(tree: Any, labels: set[str]) -> Iterator[Remark]:
    """A function has a series for each of what it is given, unless it makes one number of it."""
    if tree.func.return_type != promql.ValueType.Vector or tree.func.name in _ONE:
        return
    inner = labels | {"le"} if tree.func.name == "histogram_quantile" else labels
    for given in map(_bare, tree.args):
        if isinstance(given, promql.MatrixSelector | promql.SubqueryExpr):
            yield from _several(_parts(given)[0], inner)
        elif not isinstance(given, promql.StringLiteral):
            yield from _several(given, inner)


def _aggregated(tree: Any, labels: set[str]) -> Iterator[Remark]:
    kind, modifier = str(tree.op), tree.modifier
    if kind in _PICKS:
        yield Remark(f"'{kind}' answers several series, or another one each time", "aggregate with sum, max or avg")
    elif modifier is not None and modifier.type == promql.AggModifierType.Without:
        yield Remark(f"'{kind} without' leaves every other label, and a series for each", f"write {kind}(…), or by (…)")
    elif modifier is not None and (more := sorted(set(modifier.labels) - labels)):
        yield Remark(f"'{kind} by ({', '.join(more)})' answers a series for each", f"write {kind}(…) without by")


def _filtered(tree: Any) -> Iterator[Remark]:
    tree = _bare(tree)
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in _COMPARISONS:
        return
    if tree.modifier is None or not tree.modifier.return_bool:
        yield Remark(
            f"where '{tree.op}' does not hold the query answers nothing, which is no data and never a fail",
            "state the bound as 'min' or 'max' of the gate", refused=False,
        )  # fmt: skip
