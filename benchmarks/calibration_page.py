"""Tables and plots of docs/gates/calibration.md from rates.csv: ``python benchmarks/calibration_page.py``.

The words of the page are written by people; what stands between ``<!-- table NAME -->`` and ``<!-- end -->`` is not.
"""

import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.calibration import FOLDER
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PAGE = FOLDER.parent / "gates" / "calibration.md"
PEERS = (
    "ours", "z at every look", "z once", "Kayenta", "quant-rollout", "almanak once", "almanak at every look",
)  # fmt: skip
COLOURS = {
    "ours": "#d95f02", "z at every look": "#4c566a", "z once": "#8d99ae", "Kayenta": "#1b9e77",
    "quant-rollout": "#7570b3", "almanak once": "#e7298a", "almanak at every look": "#a6761d",
    "our abort test alone": "#f4a56a", "z of non-inferiority at every look": "#666666",
}  # fmt: skip
LOOKS = (12, 60, 300)


class Rates:
    """The measured shares, by case, rule, looks and slices."""

    def __init__(self, folder: Path = FOLDER) -> None:
        with (folder / "rates.csv").open(newline="") as file:
            self.rows = list(csv.DictReader(file))

    def find(self, case: str, rule: str, looks: int, slices: int | None = None) -> dict[str, str] | None:
        """The line of one rule in one case; None where it was not measured."""
        for row in self.rows:
            if (row["case"], row["rule"], row["looks"]) == (case, rule, str(looks)) and (
                slices is None or row["slices"] == str(slices)
            ):
                return row
        return None

    def share(self, column: str, case: str, rule: str, looks: int, slices: int | None = None) -> str:
        """A share in percent."""
        row = self.find(case, rule, looks, slices)
        return "-" if row is None else percent(float(row[column]))

    def power(self, case: str, rule: str, looks: int) -> str:
        """How many abort, and at which look half have."""
        row = self.find(case, rule, looks)
        return "-" if row is None else f"{percent(float(row['abort']))} / {row['abort_look'] or 'never'}"


def percent(share: float) -> str:
    """One decimal where it matters."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %" if share < 0.0995 or 0.9 < share < 1 else f"{100 * share:.0f} %"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def false_aborts(rates: Rates) -> str:
    """Two equal bots, every rule."""
    rows = []
    for rule in PEERS:
        cells = [
            rates.share("stage_abort", case, rule, looks)
            for case in ("profit/equal", "profit/equal/1:9")
            for looks in LOOKS
        ]
        rows.append([rule, *cells])
    shipped = [rates.share("stage_abort", "profit/equal/1:9", "almanak once as shipped", looks) for looks in LOOKS]
    rows.append(["almanak once, as shipped", "", "", "", *shipped])
    return table(["rule", *(f"1:1, {n} looks" for n in LOOKS), *(f"1:9, {n} looks" for n in LOOKS)], rows)


def _cases(rates: Rates, begin: str, column: str) -> str:
    cases = dict.fromkeys(row["case"] for row in rates.rows if re.fullmatch(begin, row["case"]))
    rows = [[case, *(rates.share(column, case, "ours", looks) for looks in LOOKS)] for case in cases]
    return table(["case", *(f"{n} looks" for n in LOOKS)], rows)


def our_aborts(rates: Rates) -> str:
    """Our gate on equal bots whose slices are independent, watched to the end."""
    return _cases(rates, "(profit|rejects|latency)/equal((?!follow|shorter|12 slices).)*", "abort")


def our_passes(rates: Rates) -> str:
    """Our gate on bots that are worse by the margin, watched to the end."""
    return _cases(rates, "(profit|rejects|latency)/margin.*", "passed")


def false_passes(rates: Rates) -> str:
    """Bots that are worse by the margin, every rule, 60 looks."""
    cases = {
        "240 trades": "profit/margin/240 trades", "1,200 trades": "profit/margin", "1:9": "profit/margin/1:9",
        "1:9, skewed": "profit/margin/skew9/1:9", "rare big losses": "profit/margin/rare big losses",
        "1.5 times the rejects": "rejects/margin", "twice the slow orders": "latency/margin",
    }  # fmt: skip
    rules = (*PEERS, "our abort test alone", "z of non-inferiority at every look", "twice the rate at every look")
    rows = [[rule, *(rates.share("stage_passed", case, rule, 60) for case in cases.values())] for rule in rules]
    return table(["rule", *cases], rows)


def powers(rates: Rates) -> str:
    """Worse bots: how many abort and when, 60 looks."""
    cases = {
        "-0.1 sd": "profit/worse 0.1", "-0.2 sd": "profit/margin", "-0.5 sd": "profit/worse 0.5",
        "-0.2 sd by rare big losses": "profit/margin/rare big losses", "twice the rejects": "rejects/twice",
        "everything 1.5 times as slow": "latency/all 1.5 times as long",
    }  # fmt: skip
    rows = [[rule, *(rates.power(case, rule, 60) for case in cases.values())] for rule in PEERS]
    rows += [[f"ours, {n} looks", *(rates.power(case, "ours", n) for case in cases.values())] for n in (12, 300)]
    return table(["rule", *cases], rows)


def dependent(rates: Rates) -> str:
    """Equal bots, one of which is hit by shocks of its own that last."""
    rows = []
    for follows in ("0.3", "0.6", "0.9"):
        long, short = f"profit/equal/shocks follow {follows}", f"profit/equal/shocks follow {follows}/300 shocks"
        rows.append([
            follows, rates.share("abort", long, "ours", 60), rates.share("abort", short, "ours", 300),
            rates.share("abort", short, "ours", 60, 60), rates.share("abort", long, "z at every look", 60),
            rates.share("abort", long, "z once", 60), rates.share("abort", long, "Kayenta", 60),
        ])  # fmt: skip
    heads = ("autocorrelation", "ours, 60 slices of one shock", "ours, 300 slices of one shock")
    return table([*heads, "ours, 60 slices of five", "z at every look", "z once", "Kayenta"], rows)


def stages(rates: Rates) -> str:
    """Whole stages."""
    rows = []
    for row in rates.rows:
        if row["case"].startswith("stage/"):
            abort, passed = float(row["stage_abort"]), float(row["stage_passed"])
            rows.append([row["case"].removeprefix("stage/"), *map(percent, (abort, passed, 1 - abort - passed))])
    return table(["stage", "aborts", "advances", "holds at the end"], rows)


def kills(rates: Rates) -> str:
    """quant-rollout's kill switch on healthy bots."""
    rows = []
    for share in ("0.6", "0.65", "0.7", "0.8"):
        for floor in ("0.5", "0.55", "0.6"):
            rule = f"quant-rollout: last 30 below {floor}"
            cells = [rates.share("abort", f"win rate {share}", rule, n) for n in (120, 300, 1200)]
            rows.append([share, floor, *cells])
    return table(["true win rate", "threshold", "120 trades", "300 trades", "1,200 trades"], rows)


def scores(rates: Rates) -> str:
    """Scores between 0 and 1, their spread estimated or bet on."""
    rows = []
    for name in ("rare", "rare/5 a slice", "brier/5 a slice", "brier/20 a slice"):
        for rule in ("ours", "ours with bounds"):
            cells = [
                rates.share(column, f"scores/{name}/{case}", rule, 200)
                for case in ("equal", "margin")
                for column in ("abort", "passed")
            ]
            rows.append([name, rule.replace("ours with", "with").replace("ours", "without"), *cells])
    heads = ("scores", "bounds", "equal: aborted", "equal: passed", "worse: aborted", "worse: passed")
    return table(heads, rows)


TABLES: dict[str, Callable[[Rates], str]] = {
    "false_aborts": false_aborts, "our_aborts": our_aborts, "our_passes": our_passes, "false_passes": false_passes,
    "powers": powers, "dependent": dependent, "scores": scores, "stages": stages, "kills": kills,
}  # fmt: skip


def page(text: str, rates: Rates) -> str:
    """The page with its tables written anew."""

    def fresh(found: re.Match[str]) -> str:
        return f"<!-- table {found[1]} -->\n\n{TABLES[found[1]](rates)}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->.*?<!-- end -->", fresh, text, flags=re.DOTALL)


# --- plots --------------------------------------------------------------------------------------------------------


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, 4.2), dpi=150, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def plot_aborts(rates: Rates) -> Figure:
    """How often one of two equal bots is aborted, by the number of looks."""
    figure, axes = _lines(rates, [("profit/equal", looks) for looks in LOOKS], named_at=-1)
    axes.set_xticks(range(3), [str(looks) for looks in LOOKS])
    axes.set_xlabel("looks at the same 1,200 trades", fontsize=9)
    axes.set_ylabel("of 100 climbs of an equal bot, aborted", fontsize=9)
    return figure


def plot_power(rates: Rates) -> Figure:
    """How often a bot is aborted, by how much worse it is."""
    cases = ("profit/equal", "profit/worse 0.1", "profit/margin", "profit/worse 0.5")
    figure, axes = _lines(rates, [(case, 60) for case in cases], named_at=0)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.spines["left"].set_visible(False)
    axes.spines["right"].set_visible(True)
    axes.set_xticks(range(4), ["equal", "0.1", "0.2 (the margin)", "0.5"])
    axes.set_xlabel("worse by, in standard deviations of a trade; 60 looks", fontsize=9)
    axes.set_ylabel("of 100 climbs, aborted", fontsize=9)
    return figure


def _lines(rates: Rates, points: Sequence[tuple[str, int]], named_at: int) -> tuple[Figure, Axes]:
    """A line a rule; its name and value stand where it begins (0) or ends (-1)."""
    figure, axes = _axes()
    named = {}
    for rule in PEERS:
        found = [rates.find(case, rule, looks) for case, looks in points]
        values = [100 * float(row["stage_abort"]) for row in found if row is not None]
        heavy = rule == "ours"
        axes.plot(values, color=COLOURS[rule], linewidth=2.6 if heavy else 1.5, marker="o", markersize=4)
        named[rule] = values[named_at]
    axes.axhline(5, color="#b0b6c0", linewidth=0.9, linestyle="--", zorder=0)
    axes.annotate("5", (0.5, 6.5), color="#6b7280", fontsize=8)
    axes.set_ylim(-3, 103)
    height = -100.0
    for rule, value in sorted(named.items(), key=lambda item: item[1]):
        height = max(value, height + 5.2)
        axes.annotate(
            f"  {rule} {value:.3g}  ", (0.0 if named_at == 0 else 1.0, height), xycoords=("axes fraction", "data"),
            color=COLOURS[rule], fontsize=9, fontweight="bold" if rule == "ours" else "normal", va="center",
            ha="right" if named_at == 0 else "left", annotation_clip=False,
        )  # fmt: skip
    return figure, axes


def plot_passes(rates: Rates) -> Figure:
    """How often a bot that is worse by the margin passes, by rule."""
    rules = (*PEERS, "our abort test alone", "z of non-inferiority at every look")
    cases = ("profit/margin/240 trades", "profit/margin")
    figure, axes = _axes()
    shares = {
        rule: [100 * float(row["stage_passed"]) for case in cases if (row := rates.find(case, rule, 60))]
        for rule in rules
    }
    order = sorted(rules, key=lambda rule: (rule != "ours", shares[rule][0]), reverse=True)
    for place, shade in enumerate((1.0, 0.45)):
        spots = [spot + (0.19 if place == 0 else -0.19) for spot in range(len(order))]
        values = [shares[rule][place] for rule in order]
        axes.barh(spots, values, height=0.36, color=[COLOURS[rule] for rule in order], alpha=shade)
        for spot, value in zip(spots, values, strict=True):
            axes.annotate(f" {value:.2g}", (value, spot), fontsize=8, va="center", color="#374151")
    axes.axvline(5, color="#b0b6c0", linewidth=0.9, linestyle="--", zorder=0)
    axes.set_yticks(range(len(order)), order, fontsize=9)
    axes.set_xlim(0, max(max(values) for values in shares.values()) * 1.1)
    axes.set_xlabel("of 100 bots worse by the margin, passed (dark: 240 trades, light: 1,200)", fontsize=9)
    return figure


PLOTS: dict[str, Callable[[Rates], Figure]] = {
    "false-aborts": plot_aborts, "false-passes": plot_passes, "power": plot_power,
}  # fmt: skip


def main() -> None:
    """Write the tables into the page and the plots beside the numbers."""
    rates = Rates()
    PAGE.write_text(page(PAGE.read_text(), rates))
    for name, plot in PLOTS.items():
        plot(rates).savefig(FOLDER / f"{name}.png", format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
