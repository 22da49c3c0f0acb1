"""How often our gates and those of peers are wrong: ``python benchmarks/calibration.py [--reps N] [--only CASE]``.

Writes docs/calibration/rates.csv, case by case; one that stands there from the same version, seed and number of
repetitions is not measured again, so a run that was ended goes on. docs/gates/calibration.md is made of it by
benchmarks/calibration_page.py.
"""

import argparse
import csv
import json
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from benchmarks import rules
from benchmarks.arms import Arm, Arms, Rejecting, Scoring, Tail, Trading, exceeding, healthy_wins
from benchmarks.rules import Answer, Asked

VERSION = 1
"""Of the cases, the rules and how they are drawn; a change of any makes all numbers stale."""
SEED = 20260601
REPS = 5_000
CHUNK = 500
"""Repetitions drawn at a time: what fits into memory beside others."""
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "calibration"

MARGIN = 0.2
"""Of profits, in standard deviations of a trade."""
RATIO, SLOWER = 1.5, 2.0
"""``max_ratio`` of rejects and of orders above the edge."""


class Case(NamedTuple):
    """What is drawn, and how it is read."""

    name: str
    arms: Arms
    asked: Asked
    looks: tuple[int, ...] = (12, 60, 300)
    slices: tuple[int, ...] = (60, 60, 300)
    """Of our gate, for each of ``looks``."""
    peers: bool = True


PROFIT = Asked(margin=MARGIN, min_samples=200)
REJECTS = Asked(max_ratio=RATIO, rate=True)
LATENCY = Asked(max_ratio=SLOWER, rate=True)
ONE = (60,), (60,)


def _profit() -> Iterator[Case]:
    yield Case("profit/equal", Trading(), PROFIT)
    yield Case("profit/equal/12 slices", Trading(), PROFIT, looks=(12,), slices=(12,), peers=False)
    yield Case("profit/equal/1:9", Trading(ratio=9), PROFIT)
    yield Case("profit/equal/240 trades", Trading(bins=60, trades=240), PROFIT, looks=(12, 60), slices=(60, 60))
    for tail in ("skew5", "skew9"):
        for ratio in (1, 9):
            split = "/1:9" if ratio > 1 else ""
            yield Case(f"profit/equal/{tail}{split}", Trading(tail=tail, ratio=ratio), PROFIT)
            yield Case(f"profit/margin/{tail}{split}", Trading(tail=tail, ratio=ratio, worse=MARGIN), PROFIT)
    yield Case("profit/equal/shocks to both", Trading(common=0.2), PROFIT, *ONE)
    yield Case("profit/equal/shocks to one", Trading(own=0.2), PROFIT, *ONE)
    for follows in (0.3, 0.6, 0.9):
        name = f"profit/equal/shocks follow {follows:g}"
        yield Case(name, Trading(own=0.2, follows=follows), PROFIT, *ONE)
        fine = Trading(own=0.5, follows=follows, beats=300)
        yield Case(f"{name}/300 shocks", fine, PROFIT, looks=(300, 60), slices=(300, 60), peers=False)
    yield Case("profit/equal/slices shorter than shocks", Trading(own=0.2), PROFIT, (300,), (300,), peers=False)
    yield Case("profit/margin", Trading(worse=MARGIN), PROFIT)
    yield Case("profit/margin/1:9", Trading(worse=MARGIN, ratio=9), PROFIT)
    few = Trading(bins=60, trades=240, worse=MARGIN)
    yield Case("profit/margin/240 trades", few, PROFIT, looks=(12, 60), slices=(60, 60))
    yield Case("profit/worse 0.1", Trading(worse=0.1), PROFIT)
    yield Case("profit/worse 0.5", Trading(worse=0.5), PROFIT)
    rare = Trading(worse=MARGIN, rare=True)
    yield Case("profit/margin/rare big losses", rare, PROFIT)
    skewed = Trading(tail="skew9", ratio=9, worse=MARGIN)
    for name, arms in (("rare big losses", rare), ("skew9/1:9", skewed)):
        for least in (50, 400):
            asked = replace(PROFIT, min_samples=least)
            yield Case(f"profit/margin/{name}/{least} samples", arms, asked, (300,), (300,), peers=False)


def _counts() -> Iterator[Case]:
    for kind, asked, rate in (("rejects", REJECTS, 0.02), ("latency", LATENCY, exceeding(1))):
        bound = asked.max_ratio
        yield Case(f"{kind}/equal", Rejecting(rate=rate), asked)
        yield Case(f"{kind}/equal/1:9", Rejecting(rate=rate, ratio=9), asked)
        yield Case(f"{kind}/margin", Rejecting(rate=rate, times=bound), asked)
        yield Case(f"{kind}/margin/1:9", Rejecting(rate=rate, times=bound, ratio=9), asked)
    yield Case("rejects/equal/bursts of 5", Rejecting(cluster=5), REJECTS)
    yield Case("rejects/margin/bursts of 5", Rejecting(cluster=5, times=RATIO), REJECTS)
    for ratio, split in ((1, ""), (9, "/1:9")):
        yield Case(f"rejects/equal/few{split}", Rejecting(rate=0.001, ratio=ratio), REJECTS)
        yield Case(f"rejects/margin/few{split}", Rejecting(rate=0.001, ratio=ratio, times=RATIO), REJECTS)
    yield Case("rejects/twice", Rejecting(times=2), REJECTS)
    yield Case("latency/all 1.5 times as long", Rejecting(rate=0.01, times=exceeding(1.5) / 0.01), LATENCY)


def _scores() -> Iterator[Case]:
    """One score a slice, rare and all or nothing; then Brier scores, a few a slice and many."""
    for name, arms, margin in (
        ("scores/rare", Scoring(rare=True), 0.03),
        ("scores/rare/5 a slice", Scoring(rare=True, each=5), 0.03),
        ("scores/brier/5 a slice", Scoring(each=5), 0.05),
        ("scores/brier/20 a slice", Scoring(each=20), 0.05),
    ):
        once = (arms.bins,), (arms.bins,)
        yield Case(f"{name}/equal", arms, Asked(margin=margin), *once, peers=False)
        yield Case(f"{name}/margin", replace(arms, worse=margin), Asked(margin=margin), *once, peers=False)


CASES = (*_profit(), *_counts(), *_scores())


class Stage(NamedTuple):
    """Several gates that share alpha; what each is given does not depend on the others."""

    name: str
    gates: tuple[tuple[Arms, Asked], ...]


def _three(profit: Trading, rejects: Rejecting | None = None) -> tuple[tuple[Arms, Asked], ...]:
    ratio = profit.ratio
    late = Rejecting(rate=exceeding(1), ratio=ratio)
    return (profit, PROFIT), (rejects or Rejecting(ratio=ratio), REJECTS), (late, LATENCY)


STAGES = (
    Stage("stage/equal", _three(Trading())),
    Stage("stage/equal/1:9", _three(Trading(ratio=9))),
    Stage("stage/equal/shocks to one", _three(Trading(own=0.2))),
    Stage("stage/profit worse 0.1", _three(Trading(worse=0.1))),
    Stage("stage/profit worse 0.2", _three(Trading(worse=0.2))),
    Stage("stage/profit worse 0.5", _three(Trading(worse=0.5))),
    Stage("stage/rejects twice", _three(Trading(), Rejecting(times=2))),
    Stage("stage/eight equal gates", ((Trading(), PROFIT),) * 8),
)


class Row(NamedTuple):
    """What one rule did in one case."""

    case: str
    looks: int
    slices: int
    rule: str
    reps: int
    abort: float
    """Share that aborts when watched to the end, whatever else was said before."""
    passed: float
    """Share that passes, likewise."""
    stage_abort: float
    """Share that aborts first."""
    stage_passed: float
    """Share that passes first."""
    abort_look: int | None
    """Median look of the abort; None where fewer than half abort."""
    pass_look: int | None


def row(case: str, looks: int, slices: int, rule: str, answer: Answer) -> Row:
    """Shares and medians of what a rule said."""
    never = looks + 1
    abort, passed = (np.where(found == 0, never, found) for found in answer)
    medians = [int(np.sort(found)[(len(found) - 1) // 2]) for found in (abort, passed)]
    return Row(
        case, looks, slices, rule, len(abort),
        float(np.mean(abort < never)), float(np.mean(passed < never)),
        float(np.mean((abort <= passed) & (abort < never))), float(np.mean(passed < abort)),
        *(median if median < never else None for median in medians),
    )  # fmt: skip


def answers(case: Case, dice: np.random.Generator, reps: int) -> Iterator[tuple[int, int, str, Answer]]:
    """What each rule says in ``reps`` repetitions of ``case``."""
    arms = case.arms.draw(dice, reps)
    if isinstance(case.arms, Scoring):
        slices = case.arms.bins
        for rule, bounds in (("ours", None), ("ours with bounds", (0.0, 1.0))):
            yield slices, slices, rule, rules.scores(*arms, case.asked.margin, bounds)
        return
    good = 1 if isinstance(case.arms, Trading) else -1
    for looks, slices in zip(case.looks, case.slices, strict=True):
        mine = rules.ours(*arms, looks, slices, case.asked)
        yield looks, slices, "ours", mine
        yield looks, slices, "our abort test alone", rules.silence(mine, looks)
        if not case.peers:
            continue
        yield looks, slices, "z at every look", rules.naive(*arms, looks, good)
        yield looks, slices, "z once", rules.once(*arms, looks, good)
        some = max(reps // (5 if looks < 100 else 20), 1)  # each look of its interval is a sort of all pairs
        yield looks, slices, "Kayenta", rules.kayenta(_some(arms[0], some), _some(arms[1], some), looks, good)
        if isinstance(case.arms, Trading):
            yield from _of_profits(arms, case.arms.tail, looks, slices)
        else:
            yield looks, slices, "twice the rate at every look", rules.twice(*arms, looks)


def _of_profits(arms: tuple[Arm, Arm], tail: Tail, looks: int, slices: int) -> Iterator[tuple[int, int, str, Answer]]:
    yield looks, slices, "z of non-inferiority at every look", rules.naive_margin(*arms, looks, MARGIN)
    floor = healthy_wins(tail) - 0.05
    yield looks, slices, "quant-rollout", rules.quant_rollout(arms[0], looks, floor)
    yield looks, slices, "almanak once", rules.almanak(*arms, looks, end=True)
    yield looks, slices, "almanak at every look", rules.almanak(*arms, looks)
    if arms[1].n[0, 0] != arms[0].n[0, 0]:
        yield looks, slices, "almanak once as shipped", rules.almanak(*arms, looks, end=True, per_capital=False)


def _some(arm: Arm, reps: int) -> Arm:
    return Arm(arm.n[:reps], arm.total[:reps], arm.squares[:reps], arm.wins[:reps])


def judge_stage(stage: Stage, dice: np.random.Generator, reps: int, slices: int = 60) -> Answer:
    """Abort when any gate fails, advance when all pass at one look; a look after each slice."""
    judged = []
    for arms, asked in stage.gates:
        candidate, baseline = (arm.coarser(slices) for arm in arms.draw(dice, reps))
        judged.append(rules.non_inferiority(candidate, baseline, replace(asked, tests=len(stage.gates))))
    fails = np.any([one.fails for one in judged], axis=0)
    passes = np.all([one.passes for one in judged], axis=0)
    return Answer(rules.first(fails), rules.first(passes))


def measure(case: Case | Stage, reps: int) -> list[Row]:
    """Every rule in one case. The same seed gives the same numbers, whatever else is measured."""
    dice = np.random.default_rng([SEED, zlib.crc32(case.name.encode())])
    found: dict[tuple[int, int, str], list[Answer]] = {}
    for begin in range(0, reps, CHUNK):
        size = min(CHUNK, reps - begin)
        if isinstance(case, Stage):
            found.setdefault((60, 60, "ours"), []).append(judge_stage(case, dice, size))
            continue
        for looks, slices, rule, answer in answers(case, dice, size):
            found.setdefault((looks, slices, rule), []).append(answer)
    return [row(case.name, *key, _joined(parts)) for key, parts in found.items()]


def _joined(parts: list[Answer]) -> Answer:
    return Answer(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def healthy_kills(reps: int) -> list[Row]:
    """quant-rollout's kill switch on bots that are what they should be, by true win rate and threshold."""
    found = []
    for share in (0.6, 0.65, 0.7, 0.8):
        dice = np.random.default_rng([SEED, round(100 * share)])
        wins = dice.random((reps, 1200)) < share
        for trades in (120, 300, 1200):
            each = np.where(wins[:, :trades], 1.0, -1.0)
            arm = Arm(*(each[:, :1],) * 4, each=each)
            for floor in (0.5, 0.55, 0.6):
                answer = rules.quant_rollout(arm, trades, floor)
                found.append(row(f"win rate {share:g}", trades, 0, f"quant-rollout: last 30 below {floor:g}", answer))
    return found


def read(folder: Path, run: dict[str, Any]) -> list[list[str]]:
    """Lines of an earlier run that this one goes on from; none if it was another."""
    about = folder / "run.json"
    if not about.exists() or {key: json.loads(about.read_text()).get(key) for key in run} != run:
        return []
    with (folder / "rates.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def write(folder: Path, run: dict[str, Any], lines: list[list[str]]) -> None:
    """All so far, one line for each rule in each case."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rates.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(lines)
    (folder / "run.json").write_text(json.dumps(run, indent=2) + "\n")


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description="How often gates are wrong, ours and those of peers.")
    parser.add_argument("--reps", type=int, default=REPS, help=f"repetitions of each case (default {REPS})")
    parser.add_argument("--only", metavar="CASE", default="", help="cases whose name begins so")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the numbers go")
    asked = parser.parse_args()
    run = {"version": VERSION, "seed": SEED, "reps": asked.reps, "numpy": np.__version__}
    lines = read(asked.folder, run)
    done = {line[0] for line in lines}
    every: tuple[Case | Stage, ...] = (*CASES, *STAGES)
    for case in every:
        if case.name in done or not case.name.startswith(asked.only):
            continue
        began = time.monotonic()
        lines += [[_cell(value) for value in one] for one in measure(case, asked.reps)]
        write(asked.folder, run, lines)
        print(f"{case.name}: {time.monotonic() - began:.1f} s", flush=True)
    if "win rate 0.6" not in done and not asked.only:
        lines += [[_cell(value) for value in one] for one in healthy_kills(asked.reps)]
        write(asked.folder, run, lines)


if __name__ == "__main__":
    main()
