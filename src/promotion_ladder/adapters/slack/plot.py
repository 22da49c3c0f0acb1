"""Drawing the small plot; matplotlib is imported with this module and nowhere else."""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from matplotlib.figure import Figure

COLOURS = {"candidate": "#d95f02", "stable": "#4c566a", "baseline": "#1b9e77"}
"""Told apart by people who see few colours, too; the lines are named where they end."""
UNITS = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "hours"),
    (timedelta(minutes=1), "minutes"),
    (timedelta(seconds=1), "seconds"),
)
NEAR = 0.08
"""Names closer than this share of the height would overlap."""


def draw(series: Mapping[str, Sequence[tuple[datetime, float]]], since: datetime) -> bytes:
    """A PNG of every series from ``since`` (0) on, in basis points; read on a phone, on light and dark ground."""
    figure = Figure(figsize=(5.2, 2.9), dpi=180, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    ends = {}
    last = max(points[-1][0] for points in series.values())
    unit, word = next((u, w) for u, w in UNITS if last - since >= 3 * u or u is UNITS[-1][0])
    for name, points in series.items():
        moments = [(moment - since) / unit for moment in (since, *(moment for moment, _ in points), last)]
        values = [0.0, *(value for _, value in points), points[-1][1]]
        heavy = name == "candidate"
        axes.plot(moments, values, drawstyle="steps-post", color=COLOURS[name], linewidth=2.4 if heavy else 1.6)
        ends[name] = values[-1]
    axes.axhline(0, color="#b0b6c0", linewidth=0.8, zorder=0)
    axes.set_ylabel("basis points of own capital", fontsize=9)
    axes.set_xlabel(f"{word} since the stage began", fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    low, high = axes.get_ylim()
    for name, height in _apart(ends, NEAR * (high - low)).items():
        axes.annotate(
            f" {name} {ends[name]:+.1f}", (1.0, height), xycoords=("axes fraction", "data"), color=COLOURS[name],
            fontsize=10, fontweight="bold", va="center", annotation_clip=False,
        )  # fmt: skip
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _apart(ends: Mapping[str, float], least: float) -> dict[str, float]:
    """Where to write each name: at the end of its line, moved up where that would overlap the one below."""
    placed: dict[str, float] = {}
    for name, height in sorted(ends.items(), key=lambda item: item[1]):
        below = max(placed.values(), default=float("-inf"))
        placed[name] = max(height, below + least)
    return placed
