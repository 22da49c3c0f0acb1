"""The watch over one exposure: leases, trips, blindness, and scopes that are paused for a while."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes import FakePlatform

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import NumbersEvidence
from promotion_ladder.core.gates import OnTrip
from promotion_ladder.core.gates.check import Check
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import LatchOrder, Mode, Scope, Telemetry, Variant
from promotion_ladder.querying import Eyes
from promotion_ladder.watching import Watched, Watcher, latch_scope, let_go_on

LIMITS = {
    "instruments": ["WTI"], "price_band": "5%", "max_order_value": 1, "max_orders_per_minute": 1,
    "max_position_value": 1, "venues": ["sim"],
}  # fmt: skip
LOSS = {"kind": "loss", "name": "loss", "max": 100}
FRESH = {
    "kind": "staleness", "name": "fresh", "max_age": "5s", "scope": "market", "on_trip": "pause_scope",
    "fresh_for": "30s",
}  # fmt: skip
RATE = {"kind": "order_rate", "name": "rate", "max": 5}


def stage(*checks: dict[str, Any], **guards: Any) -> Stage:
    return Stage.model_validate({
        "name": "canary", "mode": "canary", "capital": "10%", "limits": LIMITS,
        "guards": {"checks": checks, **guards}, "gates": [{"name": "a", "kind": "heartbeat", "max_age": "1s"}],
    })  # fmt: skip


@dataclass
class Desk:
    """A platform with a canary, a clock in the hand, and a watcher."""

    watched: Watched
    platform: FakePlatform = field(default_factory=lambda: FakePlatform(mode=Mode.CANARY, stage="canary"))
    now: float = 0.0

    def __post_init__(self) -> None:
        self.platform.owner, self.platform.epoch = "p/1", 1
        self.platform.shares[Variant.CANDIDATE] = Decimal(10000)
        self.watcher = self.begin()

    def begin(self, eyes: Eyes | None = None, **changed: Any) -> Watcher:
        """As a worker that starts has it: nothing is remembered but what stands in the order."""
        self.watcher = Watcher(self.platform, replace(self.watched, **changed), lambda: self.now, eyes)
        return self.watcher

    def marks(self) -> list[tuple[str, str, str]]:
        return [(latch.scope, latch.target, latch.by) for latch in self.platform.latches]


def desk(*checks: dict[str, Any], **guards: Any) -> Desk:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return Desk(Watched(bot="bot", promotion_id="p/1", epoch=1, stage=stage(*checks, **guards), entered_at=at))


async def test_all_is_well_and_the_lease_is_renewed() -> None:
    here = desk(LOSS, RATE, {"kind": "position", "name": "held", "max": 1000})
    here.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(-12)
    assert await here.watcher.look() is None
    assert here.platform.renewed == 1
    here.platform.held[Variant.CANDIDATE, "WTI"] = Decimal(-13)
    found = await here.watcher.look()
    assert found is not None
    assert found.verdict.value == 1040


async def test_a_trip_says_what_the_ladder_asks_for() -> None:
    for then in (OnTrip.ABORT, OnTrip.HOLD):
        here = desk(LOSS | {"on_trip": then})
        here.platform.pnl = Decimal(-101)
        found = await here.watcher.look()
        assert found is not None
        assert (found.then, found.verdict.name) == (then, "loss")


async def test_another_stage_is_left_alone_but_the_one_being_entered_is_not() -> None:
    here = desk(LOSS)
    here.platform.pnl, here.platform.stage = Decimal(-101), "live"
    assert await here.watcher.look() is None
    assert here.platform.renewed == 0
    assert await here.begin(also="live").look() is not None
    assert here.platform.renewed == 1


async def test_a_newer_owner_ends_the_watch() -> None:
    here = desk(LOSS)
    here.platform.epoch = 2
    with pytest.raises(LadderError) as refused:
        await here.watcher.look()
    assert refused.value.code is Code.STALE_EPOCH


async def test_a_lost_lease_comes_down_whatever_guards_say() -> None:
    here = desk(LOSS)
    here.platform.lease_alive = False
    found = await here.watcher.look()
    assert found is not None
    assert (found.then, found.verdict.code) == (OnTrip.ABORT, Code.LEASE_LOST)


async def test_a_candidate_that_is_gone_with_its_lease_comes_down_for_that_and_not_for_blindness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = desk(LOSS)

    async def gone(_bot: str, _variant: Variant) -> Telemetry:
        raise LadderError(Code.LEASE_LOST, "it ran out")

    monkeypatch.setattr(here.platform, "telemetry", gone)
    found = await here.watcher.look()
    assert found is not None
    assert (found.then, found.verdict.code, found.verdict.sentence) == (OnTrip.ABORT, Code.LEASE_LOST, "it ran out")
    assert here.platform.renewed == 0


@pytest.mark.parametrize(("on_blind", "then"), [(None, OnTrip.ABORT), ("hold", OnTrip.HOLD)])
@pytest.mark.parametrize("what", ["down", "blind"])
async def test_blindness_has_a_budget(what: str, on_blind: str | None, then: OnTrip) -> None:
    here = desk(LOSS, RATE, blind_for="10s", on_blind=on_blind)
    setattr(here.platform, what, True)
    assert await here.watcher.look() is None
    here.now = 10
    assert await here.watcher.look() is None
    setattr(here.platform, what, False)
    assert await here.watcher.look() is None
    setattr(here.platform, what, True)
    here.now = 19
    assert await here.watcher.look() is None, "it saw in between, so the budget begins anew"
    here.now = 29.5
    found = await here.watcher.look()
    assert found is not None
    assert (found.then, found.verdict.code) == (then, Code.GUARD_BLIND)
    assert await here.begin().look() is None, "a worker that starts counts anew"


async def test_blindness_never_hides_a_trip() -> None:
    here = desk(RATE, LOSS, blind_for="10s", on_blind="hold")
    here.platform.blind, here.platform.pnl = True, Decimal(-101)
    here.now = 60
    found = await here.watcher.look()
    assert found is not None
    assert found.verdict.name == "loss"


async def test_one_stale_market_is_paused_alone_and_goes_on_after_it_was_fresh_for_long_enough() -> None:
    here = desk(LOSS, FRESH)
    assert await here.watcher.look() is None
    here.platform.stale = {"WTI"}
    found = await here.watcher.look()
    assert found is not None
    assert (found.then, found.paused, found.verdict.code) == (OnTrip.PAUSE_SCOPE, ("market:WTI",), Code.SCOPE_PAUSED)
    assert here.marks() == [("market", "WTI", "guard:p/1:fresh")]
    here.begin(paused=found.paused)
    for at, stale in ((1, {"WTI"}), (2, set()), (31, set()), (31.5, {"WTI"}), (32, set()), (61, set())):
        here.now, here.platform.stale = at, stale
        assert await here.watcher.look() is None, f"not fresh for 30 s without a break at {at}"
    here.now = 62
    found = await here.watcher.look()
    assert found is not None
    assert (found.paused, found.verdict.code) == ((), Code.SCOPE_GOES_ON)
    assert here.marks() == []


async def test_a_pause_that_was_not_reported_before_the_worker_died_is_reported_by_the_next() -> None:
    here = desk(FRESH)
    here.platform.stale = {"WTI"}
    assert await here.watcher.look() is not None
    found = await here.begin().look()
    assert found is not None
    assert found.paused == ("market:WTI",)
    assert len(here.marks()) == 1, "and not set a second time"


async def test_no_guard_lifts_a_persons_latch() -> None:
    here = desk(FRESH)
    order = LatchOrder(scope="market", target="WTI", reason="look into it", by="rita", key="k")
    await here.platform.latch("bot", order)
    here.platform.stale = {"WTI"}
    found = await here.watcher.look()
    assert found is not None
    here.platform.stale = set()
    here.begin(paused=found.paused)
    await here.watcher.look()
    here.now = 31
    assert (await here.watcher.look()) is not None
    assert here.marks() == [("market", "WTI", "rita")]
    await let_go_on(here.platform, "bot", "p/1")
    assert here.marks() == [("market", "WTI", "rita")]


async def test_what_a_guard_of_another_stage_had_paused_goes_on() -> None:
    here = desk(FRESH)
    here.platform.stale = {"WTI"}
    assert await here.watcher.look() is not None
    other = replace(here.watched, stage=stage(LOSS), paused=("market:WTI",))
    found = await Watcher(here.platform, other).look()
    assert found is not None
    assert (found.paused, here.marks()) == ((), [])


async def test_market_data_that_is_not_told_is_blindness_not_freshness() -> None:
    here = desk(FRESH, blind_for="10s")
    here.platform.markets = ()
    assert await here.watcher.look() is None
    here.now = 11
    found = await here.watcher.look()
    assert found is not None
    assert found.verdict.code is Code.GUARD_BLIND


async def test_a_trip_of_a_wider_scope_latches_it_until_a_person_lifts_it() -> None:
    here = desk(LOSS | {"scope": "venue"})
    here.platform.pnl = Decimal(-101)
    found = await here.watcher.look()
    assert found is not None
    assert found.scope is Scope.VENUE
    await latch_scope(here.platform, "bot", found)
    assert here.marks() == [("venue", "sim", "guard")]
    await let_go_on(here.platform, "bot", "p/1")
    assert len(here.marks()) == 1


async def test_a_scope_the_platform_does_not_name_is_not_silently_ignored() -> None:
    here = desk(FRESH | {"scope": "strategy"}, blind_for="10s")
    assert await here.watcher.look() is None
    here.now = 11
    found = await here.watcher.look()
    assert found is not None
    assert found.verdict.code is Code.GUARD_BLIND


SLO = {
    "kind": "slo", "name": "budget", "target": "99%", "owner": "rita", "long": "1h", "short": "5m",
    "on_trip": "pause_scope", "fresh_for": "30s",
}  # fmt: skip


class Metrics(Eyes):
    """The events of the newest hour and five minutes, as a source of metrics would tell them."""

    def __init__(self) -> None:
        self.bad, self.total = 0, 100

    def see(self, check: Check, end: datetime) -> NumbersEvidence:
        good = Decimal(self.total - self.bad)
        numbers = {
            f"{name}_{window}": Decimal(self.total) for name in ("good", "total") for window in ("long", "short")
        }
        return NumbersEvidence(numbers=numbers | {"good_long": good, "good_short": good})


async def test_a_burning_budget_pauses_its_scope_and_names_its_owner_and_no_events_let_nothing_go_on() -> None:
    here, metrics = desk(SLO), Metrics()
    here.begin(eyes=metrics)
    assert await here.watcher.look() is None
    metrics.bad = 40
    found = await here.watcher.look()
    assert found is not None
    assert (found.then, found.paused, found.verdict.owners) == (OnTrip.PAUSE_SCOPE, ("bot:bot",), ("rita",))
    assert here.marks() == [("bot", "bot", "guard:p/1:budget")]
    again = await here.begin(eyes=metrics).look()
    assert again is not None
    assert again.verdict.owners == ("rita",), "told again by the worker that comes after"
    here.begin(eyes=metrics, paused=found.paused)
    metrics.bad, metrics.total = 0, 0
    for here.now in (1, 100, 1000):
        assert await here.watcher.look() is None, "nothing is well because nothing happens"
    metrics.total = 100
    for here.now in (1001, 1030):
        assert await here.watcher.look() is None
    here.now = 1031
    found = await here.watcher.look()
    assert found is not None
    assert (found.paused, found.verdict.code, found.verdict.owners) == ((), Code.SCOPE_GOES_ON, ("rita",))
    assert here.marks() == []
