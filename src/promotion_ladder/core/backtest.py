"""What a ladder would have decided over a recorded history: the walk of a whole ladder with the judges of the real one.

The same gates judge, the same function decides, and the same running sums are carried from look to look. A look costs
what is new since the last one. People are taken to agree: approvals are given at once, veto windows run out, and then
the gates are judged again. Guards look at every closed trade and at every silence, from the moment a stage is entered.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from promotion_ladder.core.base import Record, Time
from promotion_ladder.core.capital import split
from promotion_ladder.core.decide import Decision, Step, decide, looks_of, with_looks
from promotion_ladder.core.gates import Gate, Guard, NonInferiorityGate, OnTrip, StreakGuard, TradesGate, Wants
from promotion_ladder.core.gates.age import AgeCheck, HeartbeatGate, HeartbeatGuard, StalenessGate, StalenessGuard
from promotion_ladder.core.gates.money import MoneyCheck
from promotion_ladder.core.gates.terms import Terms
from promotion_ladder.core.history import History
from promotion_ladder.core.ladder import Ladder, Stage, VetoExit
from promotion_ladder.core.platform import Variant
from promotion_ladder.core.recorded import BEATS, Look, Purse, newest_before, silence, slices, source
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.core.verdict import Outcome, Verdict
from promotion_ladder.core.weighing import settle

Ended = Literal["live", "held", "aborted"]
ATTEMPT = 1
"""Nobody retries in a backtest."""


class Position(Record):
    """Where a walk stands: it goes on from here as if it had never stopped."""

    stage: int
    """Which rung, counted from 0."""
    entered: Time
    watched: Time
    """Guards have looked until then."""
    look: Time
    """When the gates are judged next."""
    closing: bool = False
    """Whether that look ends a veto window."""
    carried: dict[str, Carried] = {}


class Moment(NamedTuple):
    """One judgement of the gates, or a guard that tripped."""

    at: datetime
    stage: str
    decision: Decision | None
    """None where a guard tripped."""
    tripped: Verdict | None
    ended: Ended | None
    """``live``: every stage was passed. ``held``: a person would be asked. ``aborted``: it came down."""
    position: Position
    """Where to go on."""

    @property
    def sentence(self) -> str:
        """What happened."""
        if self.tripped is not None:
            return f"guard {self.tripped.name}: {self.tripped.sentence}"
        return self.decision.sentence if self.decision is not None else ""

    @property
    def window_opens(self) -> bool:
        """Whether a veto window begins here."""
        return self.decision is not None and self.decision.step is Step.ADVANCE and self.position.closing


def enter(ladder: Ladder, stage: int, at: datetime) -> Position:
    """The position of a walk that enters this stage then."""
    return Position(stage=stage, entered=at, watched=at, look=_begun(ladder.stages[stage], at))


def walk(ladder: Ladder, history: History, start: Position, until: datetime, capital: Decimal) -> Iterator[Moment]:
    """Every judgement from ``start`` on; the last one has ``ended``, unless the walk still runs at ``until``.

    ``capital`` is the bot's, shared out as the stages say; trades count as they were recorded.
    """
    position: Position | None = start
    while position is not None:
        standing = _Standing(ladder, history, position, capital)
        position = yield from standing.stand(position, until)


def _begun(stage: Stage, entered: datetime) -> datetime:
    return entered + (stage.pause if isinstance(stage.pause, timedelta) else timedelta(0))


class _Standing:
    """One stage of a walk."""

    def __init__(self, ladder: Ladder, history: History, position: Position, capital: Decimal) -> None:
        self._ladder, self._history, self._index = ladder, history, position.stage
        self._stage = stage = ladder.stages[position.stage]
        self._look = Look(
            stage, position.entered, _begun(stage, position.entered), position.look, split(capital, stage).candidate
        )
        gates = [stage.filled_in(gate) for gate in stage.gates if not gate.wants.only_recorded]
        self._judges = [self._judge_of(gate) for gate in gates]
        self._track = history.trades(Variant.CANDIDATE)
        self._purse = Purse(self._track, position.entered, self._look.capital)
        guards = [
            guard for guard in (stage.guards.checks if stage.guards else ()) if guard.on_trip is not OnTrip.PAUSE_SCOPE
        ]
        self._of_money = [guard for guard in guards if guard.wants in (Wants.STANDING, Wants.TRADES)]
        self._of_age = [guard for guard in guards if isinstance(guard, StalenessGuard | HeartbeatGuard)]
        self._seen: dict[str, tuple[object, Verdict]] = {}
        """What each gate said last, and of what: the same again is not judged again."""
        self._sealed: dict[str, datetime] = {}
        """When the next slice of a gate will be sealed: until then it says what it said."""

    def stand(self, position: Position, until: datetime) -> Generator[Moment, None, Position | None]:
        """Every judgement on this stage; returns the position on the next one, None where the walk ends."""
        name, last = self._stage.name, self._index == len(self._ladder.stages) - 1
        while True:
            tripped = self._watch(position.watched, min(position.look, until))
            if tripped is not None:
                at, guard, verdict = tripped
                ended: Ended = "aborted" if guard.on_trip is OnTrip.ABORT else "held"
                yield Moment(at, name, None, verdict, ended, position)
                return None
            if position.look > until:
                return None
            now = position.look
            look = self._at(now)
            carried = dict(position.carried)
            raw = [judge(look, carried) for judge in self._judges]
            verdicts, looks = settle(self._stage, raw, looks_of(carried))
            decision = decide(self._stage, verdicts, now - look.begun)
            carried = with_looks(carried, looks) if looks else carried
            position, ended_here = self._after(decision, position, carried, last=last)
            yield Moment(now, name, decision, None, ended_here, position)
            if ended_here is not None:
                return None
            if position.stage != self._index:
                return position

    def _at(self, now: datetime) -> Look:
        before = self._look
        return Look(before.stage, before.entered, before.begun, now, before.capital)

    def _after(
        self, decision: Decision, before: Position, carried: dict[str, Carried], *, last: bool
    ) -> tuple[Position, Ended | None]:
        """Where it goes on after ``decision``, or how it ended."""
        now, leaving = before.look, self._stage.exit

        def then(look: datetime, *, closing: bool = False) -> Position:
            return before.model_copy(update={"watched": now, "look": look, "closing": closing, "carried": carried})

        match decision.step:
            case Step.CONTINUE:
                return then(now + self._stage.observe.every), None
            case Step.ABORT:
                return then(now), "aborted"
            case Step.HOLD:
                return then(now), "held"
            case Step.ADVANCE if isinstance(leaving, VetoExit) and not before.closing:
                return then(now + leaving.window, closing=True), None
            case _:
                return (then(now), "live") if last else (enter(self._ladder, self._index + 1, now), None)

    # --- gates ----------------------------------------------------------------------------------------------------

    def _judge_of(self, gate: Gate) -> Callable[[Look, dict[str, Carried]], Verdict]:
        """How ``gate`` is judged at each look."""
        if isinstance(gate, NonInferiorityGate):
            return partial(self._compare, gate, self._stage.terms(gate, ATTEMPT))
        if isinstance(gate, TradesGate):
            return partial(self._count, gate)
        if isinstance(gate, AgeCheck):
            return partial(self._age, gate)
        if gate.wants is Wants.STANDING:
            return partial(self._money, gate)
        show = source(gate, self._history, self._stage)
        return lambda look, _: gate.judge(show(look))

    def _count(self, gate: TradesGate, look: Look, _: object) -> Verdict:
        """From running totals: the evidence would be every trade of the stage."""
        of = look.now if gate.min_days_in_stage else self._track.count(look.entered, look.now)
        return self._once(gate, of, lambda: gate.conclude(self._track.totals(look.entered, look.now)))

    def _money(self, gate: Gate, look: Look, _: object) -> Verdict:
        standing = self._purse.standing(look.now)
        return self._once(gate, standing, lambda: gate.judge(standing))

    def _age(self, gate: StalenessGate | HeartbeatGate, look: Look, _: object) -> Verdict:
        """Which sign of life was the last does not matter, only how old it is."""
        age = silence(self._history.beats.get(BEATS[gate.wants]), look.now)
        return self._once(gate, age, lambda: gate.judge(source(gate, self._history, self._stage)(look)))

    def _compare(self, gate: NonInferiorityGate, terms: Terms, look: Look, carried: dict[str, Carried]) -> Verdict:
        """The verdict on the sums so far, and on the slices that were sealed since."""
        name = gate.name
        if name in self._sealed and look.now < self._sealed[name]:
            return self._seen[name][1]
        evidence = slices(gate, self._history, look, carried.get(name))
        carried[name] = sums = gate.carry(evidence, terms)
        if sums.until is not None:
            self._sealed[name] = sums.until + gate.slice + gate.late
        return self._once(gate, (sums.until, sums.since), lambda: gate.conclude(sums, terms))

    def _once(self, gate: Gate, of: object, judge: Callable[[], Verdict]) -> Verdict:
        """The verdict on ``of``, judged once while it stays the same: a judge is a pure function."""
        before = self._seen.get(gate.name)
        if before is None or (before[0] is not of and before[0] != of):
            self._seen[gate.name] = before = (of, judge())
        return before[1]

    # --- guards ---------------------------------------------------------------------------------------------------

    def _watch(self, since: datetime, until: datetime) -> tuple[datetime, Guard, Verdict] | None:
        """The first guard that trips after ``since`` and until ``until``."""
        if since >= until:
            return None
        silent = [found for guard in self._of_age if (found := self._silent(guard, since, until)) is not None]
        first = min(silent, key=lambda found: found[0], default=None)
        for place in self._track.places(since, until if first is None else first[0]) if self._of_money else ():
            at = self._track.times[place]
            if at == since and since != self._look.entered:
                continue  # looked at when it was new
            for guard in self._of_money:
                verdict = self._broken(guard, at)
                if verdict is not None:
                    return at, guard, verdict
        return first

    def _broken(self, guard: Guard, at: datetime) -> Verdict | None:
        """What a guard of money says when it trips; that it does not, it is asked after every trade."""
        standing = self._purse.standing(at)
        if isinstance(guard, StreakGuard):
            n, end = self._purse.closed
            newest = partial(self._track.newest, end)
            return guard.conclude(n, newest) if guard.broken(n, newest) else None
        if isinstance(guard, MoneyCheck) and not guard.broken(standing):
            return None
        verdict = guard.judge(standing)
        return verdict if verdict.outcome is Outcome.FAIL else None

    def _silent(
        self, guard: StalenessGuard | HeartbeatGuard, since: datetime, until: datetime
    ) -> tuple[datetime, Guard, Verdict] | None:
        """When ``guard`` finds the bot or its market data silent for too long, where their signs were recorded."""
        beats = self._history.beats.get(BEATS[guard.wants])
        if beats is None or self._stage.guards is None:
            return None
        late = guard.max_age + self._stage.guards.every
        begin = newest_before(beats, since) or since
        for one, following in pairwise((begin, *_between(beats, since, until), until + late)):
            at = max(one + late, since)
            if at < following and at <= until:
                verdict = guard.judge(source(guard, self._history, self._stage)(self._at(at)))
                if verdict.outcome is Outcome.FAIL:
                    return at, guard, verdict
        return None


def _between(beats: Sequence[datetime], since: datetime, until: datetime) -> Sequence[datetime]:
    return beats[bisect_right(beats, since) : bisect_right(beats, until)]
