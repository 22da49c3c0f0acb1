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
    "fills": "quantbot_fills_total",
    "slippage_predicted": "quantbot_slippage_predicted_bps_total",
    "slippage_real": "quantbot_slippage_real_bps_total",
    "slippage_squared_error": "quantbot_slippage_squared_error_bps2_total",
    "brier": "quantbot_brier_score_total",
    "forecasts": "quantbot_forecasts_total",
    "feature": "quantbot_feature_bucket",
    "feature_training": "quantbot_feature_training_bucket",
    "slo_good": "quantbot_slo_good_total",
    "slo_total": "quantbot_slo_events_total",
    "data_age": "quantbot_data_age_seconds",
    "data_gaps": "quantbot_data_gaps_total",
    "policy_decisions": "quantbot_policy_decisions_total",
    "policy_denied": "quantbot_policy_denied_total",
    "violations": "quantbot_violations_total",
    "overloaded": "quantbot_overloaded",
}
"""Names a query may use as ``$orders``, ``$fills`` …; a ladder's ``metrics`` replaces them (docs/metrics.md)."""


def counted(name: str, also: str = "") -> str:
    """The default query for how much the counters of this name grew in the window, with ``also`` as a matcher.

    ``increase`` alone answers from old samples when the bot is scraped no more; ``and count`` then answers nothing.
    """
    series = f"${name}{{$labels{also}}}"
    return f"sum(increase({series}[$window])) and count({series})"


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
    """``query`` with metric names, escaped label matchers and the window filled in; ``$bot`` is that label's value.

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
    matchers = ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())
    length = f"{max(round(window.total_seconds() * 1000), 1)}ms"
    own = {name: escape(value) for name, value in labels.items()}
    return DEFAULT_METRICS | metrics | own | {"labels": matchers, "window": length}


def escape(value: str) -> str:
    """A label value as it stands between quotes in PromQL."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
