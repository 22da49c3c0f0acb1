"""Filling in a gate's PromQL: metric names, escaped label matchers and the window."""

from datetime import timedelta
from string import Template

DEFAULT_METRICS = {
    "realized_pnl": "quantbot_realized_pnl_usd",
    "orders": "quantbot_orders_total",
    "orders_rejected": "quantbot_orders_rejected_total",
    "tick_to_trade": "quantbot_tick_to_trade_seconds_bucket",
}
"""Names a query may use as ``$orders``, ``$realized_pnl`` …; a ladder's ``metrics`` replaces them."""


def expand(query: str, metrics: dict[str, str], labels: dict[str, str], window: timedelta) -> str:
    """``query`` with metric names, escaped label matchers and the window filled in.

    Raises ValueError naming an unknown ``$word``.
    """
    words = _words(metrics, labels, window)
    try:
        return Template(query).substitute(words)
    except KeyError as unknown:
        raise ValueError(f"the query uses ${unknown.args[0]}, known are ${', $'.join(sorted(words))}") from None
    except ValueError as broken:
        raise ValueError(f"the query cannot be read: {broken}; write $$ for a dollar sign") from None


def origin(query: str, metrics: dict[str, str], labels: dict[str, str], window: timedelta, index: int) -> int:
    """Where in ``query`` that stands which became the character at ``index`` of its expansion; a word as a whole."""
    words = _words(metrics, labels, window)
    longer = 0
    for word in Template.pattern.finditer(query):
        filled = Template(word[0]).substitute(words)
        if index < word.start() + longer + len(filled):
            return min(word.start(), index - longer)
        longer += len(filled) - len(word[0])
    return index - longer


def _words(metrics: dict[str, str], labels: dict[str, str], window: timedelta) -> dict[str, str]:
    matchers = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    length = f"{max(round(window.total_seconds() * 1000), 1)}ms"
    return DEFAULT_METRICS | metrics | {"labels": matchers, "window": length}


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
