"""Drawing what a backtest or a tuning found; matplotlib is imported with this module and nowhere else."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

HARM, FINE, PLAIN, BOUND = "#d95f02", "#1b9e77", "#4c566a", "#b0b6c0"
"""Told apart by people who see few colours, too."""
CLOSE = 0.12
LOWEST, HIGHEST = -0.5, 2.0
"""What lies beyond is drawn there: it would only press the rest flat."""
MARKS = {"held": "#7570b3", "aborted": HARM, "live": FINE}


class Dot(NamedTuple):
    """What one gate said at one look."""

    at: datetime
    gate: str
    stage: str
    harm: float | None
    fine: float | None
    harm_needed: float
    fine_needed: float


class Mark(NamedTuple):
    """A decision worth a line through all panels."""

    at: datetime
    text: str
    ended: str = ""
    """How the walk ended here; empty where it went on."""


def draw_evidence(dots: Sequence[Dot], marks: Sequence[Mark], title: str, file: Path) -> None:
    """Write a PNG: for each gate its evidence over time as a part of what is needed, and every decision.

    1 is the boundary in both directions, so gates and stages with different boundaries can share a scale.
    """
    gates = list(dict.fromkeys(dot.gate for dot in dots)) or [""]
    figure = Figure(figsize=(9, 1.1 + 2.1 * len(gates)), dpi=150, facecolor="white", layout="constrained")
    panels = figure.subplots(len(gates), 1, sharex=True, squeeze=False)[:, 0]
    for panel, gate in zip(panels, gates, strict=True):
        _panel(panel, gate, [dot for dot in dots if dot.gate == gate], 36 if gate == gates[0] else 4)
        for mark in marks:
            panel.axvline(mark.at, color=MARKS.get(mark.ended, BOUND), linewidth=1.6 if mark.ended else 0.9, zorder=1)
    top = panels[0]
    for row, mark in enumerate(marks):
        top.annotate(
            mark.text, (mark.at, 1.0), xycoords=("data", "axes fraction"), xytext=(2, 2 + 10 * (row % 3)),
            textcoords="offset points", fontsize=8, color=MARKS.get(mark.ended, PLAIN), annotation_clip=False,
        )  # fmt: skip
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]  # matplotlib types only a part
    panels[-1].xaxis.set_major_locator(locator)
    panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # as above
    panels[-1].set_xlabel("time (UTC)", fontsize=9)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.savefig(file, format="png", metadata={"Software": None})


def _panel(axes: Axes, gate: str, dots: Sequence[Dot], pad: int) -> None:
    for _, group in groupby(dots, key=lambda dot: dot.stage):  # sums begin anew with each stage
        stage = list(group)
        times = np.array([np.datetime64(dot.at.replace(tzinfo=None)) for dot in stage])
        for colour, values in (
            (FINE, [_part(dot.fine, dot.fine_needed) for dot in stage]),
            (HARM, [_part(dot.harm, dot.harm_needed) for dot in stage]),
        ):
            axes.plot(times, values, color=colour, linewidth=1.6)
    axes.axhline(1, color=PLAIN, linewidth=1.0, linestyle=(0, (4, 2)))
    axes.axhline(0, color=BOUND, linewidth=0.8, zorder=0)
    axes.set_ylim(LOWEST - 0.05, HIGHEST + 0.05)
    axes.set_title(gate or "no statistical gate was judged", fontsize=10, loc="left", pad=pad)
    axes.set_ylabel(f"evidence / needed\n({HIGHEST:g}: that or more)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    for height, word, colour in ((0.9, "good enough", FINE), (0.78, "worse", HARM), (0.64, "boundary", PLAIN)):
        axes.annotate(word, (1.01, height), xycoords="axes fraction", color=colour, fontsize=9, annotation_clip=False)


def _part(evidence: float | None, needed: float) -> float:
    return float("nan") if evidence is None else min(max(evidence / needed, LOWEST), HIGHEST)


class Bar(NamedTuple):
    """One gate of one stage in a tuning."""

    name: str
    false: float
    error: float
    power: Sequence[tuple[str, float]]


def draw_tuning(bars: Sequence[Bar], noisy: float, title: str, file: Path) -> None:
    """Write a PNG: how often each gate would stop a good release, and how often it finds each degradation."""
    figure = Figure(figsize=(9, 1.4 + 0.42 * len(bars)), dpi=150, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(bars))[::-1]
    colours = [HARM if bar.false > noisy else FINE for bar in bars]
    left.barh(
        rows, [100 * bar.false for bar in bars], xerr=[100 * bar.error for bar in bars], color=colours, height=0.6
    )
    left.axvline(100 * noisy, color=PLAIN, linewidth=1.0, linestyle=(0, (4, 2)))
    left.set_yticks(rows, [bar.name for bar in bars], fontsize=8)
    left.set_xlabel("stops a good release, % of climbs", fontsize=9)
    left.set_xlim(0, max(30.0, *(110 * bar.false for bar in bars)))
    left.annotate(" noisy", (100 * noisy, 1.0), xycoords=("data", "axes fraction"), color=PLAIN, fontsize=8, va="top")
    for row, bar in zip(rows, bars, strict=True):
        for words, power in _together(bar.power):
            right.scatter([100 * power], [row], color=PLAIN, s=30)
            side: Literal["left", "center", "right"] = "left" if power < 0.1 else "right" if power > 0.9 else "center"
            right.annotate(words, (100 * power, row), xytext=(0, 5), textcoords="offset points", fontsize=7, ha=side)
    right.set_xlabel("finds a degradation, % of climbs", fontsize=9)
    right.set_xlim(-4, 104)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    figure.savefig(file, format="png", metadata={"Software": None})


def _together(power: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Degradations that are found about equally often share one dot: their names would lie on each other."""
    found: list[tuple[str, float]] = []
    for word, rate in sorted(power, key=lambda each: each[1]):
        if found and rate - found[-1][1] < CLOSE:
            found[-1] = (f"{found[-1][0]}, {word}", rate)
        else:
            found.append((word, rate))
    return found
