"""A Prometheus that lies or is gone: each is approved, so that its gates are judged again on what it says."""

import asyncio
from collections.abc import Callable
from functools import partial

from tests.e2e.rig import until
from tests.faults.matrix.processes import helper
from tests.faults.matrix.yard import STEPS, Parked, Yard

from promotion_ladder.core.decide import Step
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Phase, PromotionState
from promotion_ladder.core.verdict import Outcome
from promotion_ladder.stack.processes import free_port

LIES = ("slow", "NaN", "empty", "stale", "duplicate series", "HTML")
KILLED = "Prometheus killed and restarted"
GOES_ON = 2.0
JUDGED = 40.0
"""Seconds for a judgement; a slow answer is waited for 10 s."""


def lie(kind: str) -> str:
    """The name of the row of one lie."""
    return f"Prometheus: {kind}"


async def lies(yard: Yard) -> None:
    """The same promotions under one lie after the other, through a proxy that tampers; then without any Prometheus."""
    port, said = free_port(), yard.stack.state_dir / "lie"
    said.write_text("")
    # The worker asks the proxy from its next start on; Prometheus itself stays where it is.
    yard.stack.worker.env["PROMETHEUS_URL"] = f"http://127.0.0.1:{port}"
    yard.stack.worker.kill()
    async with helper(yard, "tamper", str(port), yard.stack.prometheus_url, str(said)):
        await yard.rig.worker_again()
        all_ = await yard.park(*STEPS)
        for kind in LIES:
            await _struck(yard, lie(kind), all_, partial(said.write_text, kind))
            said.write_text("")
            await _waiting_again(yard, all_)
        await _struck(yard, KILLED, all_, yard.stack.prometheus.kill)
        yard.stack.prometheus.start()
        await _waiting_again(yard, all_)
        await yard.finish()


async def _struck(yard: Yard, fault: str, all_: list[Parked], begin: Callable[[], object]) -> None:
    await yard.strike(fault, all_)
    begin()
    await asyncio.gather(*(yard.send(each, Verb.APPROVE, "rita") for each in all_))
    await asyncio.gather(*(_judged_on_nothing(yard, each) for each in all_))
    await asyncio.sleep(GOES_ON)
    await yard.all_safe(all_)
    for each in all_:
        strike = each.strikes[-1]
        if strike.after is None or strike.before is None or strike.after.stage_name != strike.before.stage_name:
            strike.flaws.append("moved up on evidence that lies")


async def _judged_on_nothing(yard: Yard, each: Parked) -> None:
    """Wait until the gates were judged on what Prometheus says now; a pass of the lying gate is a flaw."""
    since = each.strikes[-1].before

    async def judged() -> PromotionState | None:
        state = await yard.rig.state(each.bot)
        fresh = since is not None and state.judged_at != since.judged_at
        return state if fresh and state.decision is not None else None

    try:
        state = await until(f"a judgement of {each.bot}", judged, JUDGED)
    except AssertionError as error:
        each.strikes[-1].flaws.append(str(error))
        return
    asked = [v for v in (state.decision.verdicts if state.decision else ()) if v.kind == "threshold"]
    if any(verdict.outcome is Outcome.PASS for verdict in asked) or (
        state.decision and state.decision.step is Step.ADVANCE
    ):
        each.strikes[-1].flaws.append("a gate passed on evidence that lies")


async def _waiting_again(yard: Yard, all_: list[Parked]) -> None:
    """The evidence is there again: each waits for its approval as before."""
    await asyncio.gather(*(yard.rig.reaches(each.bot, Phase.AWAITING_APPROVAL, each.stage) for each in all_))
