"""Service levels, burn rates and plain limits, compared exactly: 0.995 is the number that was written.

Google, The Site Reliability Workbook, chapter 5, "Alerting on SLOs" (O'Reilly, 2018).
"""

import operator
from decimal import Decimal
from fractions import Fraction
from math import inf
from typing import Literal

Exactly = int | float | Decimal


def exact(number: Exactly) -> Fraction:
    """The number as it was written: a float is read by its shortest text, not by its binary neighbour."""
    return Fraction(str(number)) if isinstance(number, float) else Fraction(number)


def slo(good: Exactly, total: Exactly, target: Exactly) -> dict[str, float | bool | None]:
    """Compliance of ``good`` events of ``total`` with ``target`` (a share), equal is met.

    ``sli`` is good/total, ``error_ratio`` the bad share, ``budget`` 1 - target, ``burn`` error_ratio/budget (1 uses
    the budget up exactly), ``budget_left`` 1 - burn, ``alert`` whether the level is missed (workbook, chapter 5).
    No event at all: ``sli`` and ``met`` are None, the rest is not there. Raises ValueError for impossible counts.
    """
    have, of, goal = exact(good), exact(total), exact(target)
    if not 0 <= have <= of or not 0 <= goal <= 1:
        raise ValueError(f"{good} good of {total} events against a target of {target} cannot be")
    if not of:
        return {"sli": None, "met": None, "alert": False}
    bad, budget = of - have, 1 - goal
    met = bad <= budget * of
    burn = float(bad / of / budget) if budget else (inf if bad else 0.0)
    return {
        "sli": float(have / of), "met": met, "error_ratio": float(bad / of), "budget": float(budget),
        "burn": burn, "budget_left": 1 - burn, "alert": not met,
    }  # fmt: skip


def burn_threshold(budget_fraction: float, window_s: float, period_s: float) -> float:
    """The burn rate that uses ``budget_fraction`` of a period's budget up within a window (chapter 5, table 5-8)."""
    return budget_fraction * period_s / window_s


def burn_alert(err_long: Exactly, err_short: Exactly, target: Exactly, factor: Exactly) -> bool:
    """Whether both windows burn the budget faster than ``factor`` (chapter 5, multiwindow alerts); equal does not."""
    limit = exact(factor) * (1 - exact(target))
    return exact(err_long) > limit and exact(err_short) > limit


def burn_max(target: Exactly) -> float:
    """The fastest burn there can be, every event bad: 1 / (1 - target). Infinite where there is no budget."""
    budget = 1 - exact(target)
    return float(1 / budget) if budget else inf


def staleness(stale_ms: Exactly, threshold_ms: Exactly) -> bool:
    """Whether data is too old: strictly older than its limit, both in milliseconds."""
    return exact(stale_ms) > exact(threshold_ms)


def threshold(value: Exactly, threshold: Exactly, op: Literal["<", "<=", ">", ">=", "==", "!="]) -> bool:
    """Whether ``value op threshold`` holds, in exact arithmetic."""
    compare = {
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    }  # fmt: skip
    return bool(compare[op](exact(value), exact(threshold)))
