"""Filling in a gate's PromQL: metric names, escaped label matchers and the window."""

import re
from datetime import timedelta
from decimal import Decimal
from string import Template

DEFAULT_METRICS = {
    "realized_pnl": "quantbot_realized_pnl_usd",
    "orders": "quantbot_orders_total",
    "orders_rejected": "quantbot_orders_rejected_total",
    "tick_to_trade": "quantbot_tick_to_trade_seconds_bucket",
}
"""Names a query may use as ``$orders``, ``$realized_pnl`` …; a ladder's ``metrics`` replaces them."""

_COUNTER = re.compile(r"\$[A-Za-z_]\w*")


def names_a_counter(query: str) -> bool:
    """Whether ``query`` is the name of a metric and nothing more: ``$orders``."""
    return _COUNTER.fullmatch(query) is not None


def growth(counter: str, *, matcher: str = "") -> str:
    """The template of what ``counter`` (``$orders``) of an arm grew by in a window, to the last event.

    ``increase()`` will not do for slices: it never sees what came between the last scrape of one window and the first
    of the next, makes up for that by multiplying the rest, and leaves out the first value of a counter that is born.
    This is the newest value at the end less the newest at the begin, so neighbouring windows add up to the whole; a
    counter that fell was restarted and one that was not there (for an hour) was born, and both count from nothing.
    """
    series = f"{counter}{{$labels{matcher and ','}{matcher}}}"
    return f"sum({series} - last_over_time({series}[1h] offset $window) >= 0 or {series})"


def edge_matcher(edge: Decimal) -> str:
    """The label matcher of a histogram's bucket up to ``edge``, in each way that exporters write the number."""
    written = {f"{edge.normalize():f}", repr(float(edge)), f"{float(edge):g}"}
    return f'le=~"{"|".join(sorted(text.replace(".", "[.]").replace("+", "[+]") for text in written))}"'


def expand(query: str, metrics: dict[str, str], labels: dict[str, str], window: timedelta) -> str:
    """``query`` with metric names, escaped label matchers and the window filled in.

    Raises ValueError naming an unknown ``$word``.
    """
    matchers = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    length = f"{max(round(window.total_seconds() * 1000), 1)}ms"
    words = DEFAULT_METRICS | metrics | {"labels": matchers, "window": length}
    try:
        return Template(query).substitute(words)
    except KeyError as unknown:
        raise ValueError(f"the query uses ${unknown.args[0]}, known are ${', $'.join(sorted(words))}") from None
    except ValueError as broken:
        raise ValueError(f"the query cannot be read: {broken}; write $$ for a dollar sign") from None


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
