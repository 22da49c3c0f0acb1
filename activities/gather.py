"""Fetching the evidence a gate wants, from Prometheus or from the platform.

It never raises: what could not be had is evidence with a problem.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from promotion_ladder.contracts import StageOrder
from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import Evidence, PairEvidence, ReplayEvidence, Slice, SlicesEvidence, TradeOutcome
from promotion_ladder.core.gates import Gate, NonInferiorityGate, Wants
from promotion_ladder.core.gates.comparison import ComparisonCheck
from promotion_ladder.core.platform import ReplayOrder, Variant
from promotion_ladder.core.slicing import Span, newly_sealed, of_trades
from promotion_ladder.core.statistics.carried import Carried
from promotion_ladder.ports import MetricSource, Platform
from promotion_ladder.querying import FROM_METRICS, Questions
from promotion_ladder.sight import Sight


def questions(metrics: MetricSource, order: StageOrder) -> Questions:
    """The stage's questions to ``metrics``: the candidate runs the release, every other variant what is stable."""

    def labels(variant: Variant) -> dict[str, str]:
        version = order.release.version if variant is Variant.CANDIDATE else order.stable.version
        return {"bot": order.release.bot, "release": version, "variant": str(variant)}

    return Questions(metrics, order.metrics, labels)


class Look:
    """One look at the world for one stage: what several checks share is fetched once."""

    def __init__(
        self,
        platform: Platform,
        metrics: MetricSource,
        order: StageOrder,
        observed_from: datetime,
        now: datetime,
        carried: Mapping[str, Carried],
    ) -> None:
        self._platform = platform
        self._questions = questions(metrics, order)
        self._order = order
        self._from = observed_from
        self._now = now
        self._carried = carried
        self._sight = Sight(platform, order.release.bot, order.entered_at or observed_from)

    async def evidence(self, check: Gate) -> Evidence:
        """What ``check`` judges."""
        if check.wants in FROM_METRICS:
            found = await self._questions.evidence(check, self._from, self._now, self._order.stage.observe.every)
            return self._with_capital(check, found)
        if isinstance(check, NonInferiorityGate):
            return await self._slices(check)
        if check.wants is Wants.TRADES:
            return await self._sight.trades(self._carried.get(check.name))
        if check.wants is Wants.REPLAY:
            return await self._replay()
        if check.wants is Wants.ATTESTATION:
            return self._order.attestation(self._now)
        return await self._sight.standing(check.wants)

    def _with_capital(self, check: Gate, found: Evidence) -> Evidence:
        """The capital behind each side of a comparison; the rest as it is."""
        if not isinstance(check, ComparisonCheck) or not isinstance(found, PairEvidence):
            return found
        shares = split(self._order.capital, self._order.stage)
        other = shares.baseline if check.against is Variant.BASELINE else shares.stable
        return found.model_copy(update={"candidate_capital": shares.candidate, "baseline_capital": other})

    async def _slices(self, gate: NonInferiorityGate) -> SlicesEvidence:
        """The slices sealed since the last look by the workflow's clock; the platform's may be behind by ``late``."""
        before = self._carried.get(gate.name)
        span = newly_sealed(self._from, before.until if before else None, self._now, gate.slice, gate.late)
        told: dict[str, Any] = {"before": before, "since": span.since, "until": span.until}
        if span.since == span.until:
            return SlicesEvidence(slices=(), **told)
        if gate.of_trades:
            return await self._slices_of_trades(gate, span, told)
        first = span.since + gate.slice  # a step tells of the slice that ends with it
        try:
            series = await self._questions.slices(gate.queries().values(), first, span.until, gate.slice)
        except ValueError as error:
            return SlicesEvidence(slices=(), before=before, problem=Code.QUERY_REFUSED, detail=str(error))
        bad = next((one for one in series if one.problem is not None), None)
        if bad is not None and bad.problem is not Code.NO_DATA:  # asked again next time: nothing is sealed unseen
            return SlicesEvidence(slices=(), before=before, problem=bad.problem, detail=bad.detail)
        slices = []
        for start, *values in zip(span.starts(gate.slice), *(one.values for one in series), strict=True):
            arms = [gate.arm(sum_, count) for sum_, count in (values[:2], values[2:])]
            if arms[0] is not None and arms[1] is not None:
                slices.append(Slice(start=start, candidate=arms[0], baseline=arms[1]))
        missing = len(span.starts(gate.slice)) - len(slices)
        detail = bad.detail if bad is not None else ""
        problem = bad.problem if bad is not None else None
        return SlicesEvidence(slices=tuple(slices), missing=missing, problem=problem, detail=detail, **told)

    async def _slices_of_trades(self, gate: NonInferiorityGate, span: Span, told: dict[str, Any]) -> SlicesEvidence:
        bot = self._order.release.bot
        try:
            both = [
                await self._platform.trades(bot, variant, span.since) for variant in (Variant.CANDIDATE, gate.against)
            ]
        except LadderError as error:  # nothing is sealed unseen
            return SlicesEvidence(slices=(), before=told["before"], problem=error.code, detail=error.detail)
        arms = [[TradeOutcome(pnl=t.pnl, size=t.size, closed_at=t.closed_at) for t in trades] for trades in both]
        return SlicesEvidence(slices=of_trades(arms[0], arms[1], span, gate.slice), **told)

    async def _replay(self) -> ReplayEvidence:
        order = self._order
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}:replay"
        try:
            replay = await self._platform.start_replay(order.release.bot, ReplayOrder(release=order.release, key=key))
            return ReplayEvidence(result=await self._platform.replay_result(order.release.bot, replay))
        except LadderError as error:
            return ReplayEvidence(result=None, problem=error.code, detail=error.detail)
