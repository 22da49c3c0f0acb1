"""Slack end to end: real worker, real Temporal, real Bolt, an imitated Slack, and people who click."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.e2e.rig import Rig, standing, until
from tests.e2e.slack_desk import (
    ANA,
    BEN,
    CHANNEL,
    MALLORY,
    OMAR,
    RITA,
    Desk,
    SlackStack,
    slack_config,
    slack_environment,
)

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.fake_slack import FakeSlack, NeedsConfirmation, Sending
from promotion_ladder.stack.local import LocalStack
from promotion_ladder.stack.processes import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[LocalStack]:
    """A stack whose worker talks in Slack alone."""
    base = tmp_path_factory.mktemp("slack")
    made = SlackStack(base / "state", tick=0.1, config_dir=slack_config(base / "config"))
    made.worker.env |= slack_environment(port)
    with standing(made):
        yield made


@pytest.fixture
async def silent(rig: Rig, port: int) -> AsyncIterator[Desk]:
    """The desk with nobody listening."""
    async with FakeSlack(port=port) as slack:
        yield Desk(rig, slack, slack_environment(port))


@pytest.fixture
async def desk(silent: Desk) -> AsyncIterator[Desk]:
    """The desk with a gateway by Socket Mode."""
    async with silent.listening():
        yield silent


async def test_an_approval_from_a_phone_lets_it_climb_and_the_buttons_go(desk: Desk) -> None:
    state = await desk.asks("climber")
    await desk.shows("climber", "slack_file")  # the plot
    deed = await desk.says(RITA, "climber", "approve")
    assert deed.ok
    await desk.rig.reaches_stage("climber", "live")
    assert (await desk.rig.state("climber")).passed[-1].stage == state.stage_name
    await desk.slack.until(lambda: "approve" not in desk.buttons("climber"), 15)
    assert any("rita approved 2.0.0" in line for line in desk.story("climber"))
    approved = [
        link.event for link in await desk.rig.ana.store.chain(state.promotion_id) if link.event.kind == "approved"
    ]
    assert [(e.actor, e.data["channel"], e.data["reason"]) for e in approved] == [
        ("rita", "slack", "checked the fills")
    ]
    await over(desk, "climber")


async def test_veto_and_hold_ask_for_a_reason_and_do_what_they_say(desk: Desk) -> None:
    await asyncio.gather(desk.asks("vetoed"), desk.asks("held"))
    await desk.says(OMAR, "held", "hold", "the fills look odd")
    assert (await desk.rig.reaches("held", Phase.ON_HOLD)).hold is not None
    await desk.shows("held", "the fills look odd")
    assert "resume" in desk.buttons("held")
    await desk.says(OMAR, "held", "resume", "they were fine")
    await desk.rig.reaches("held", Phase.AWAITING_APPROVAL)
    await desk.says(BEN, "vetoed", "veto", "wrong parameters")
    ended = await desk.rig.rita.result("vetoed")
    assert (ended.ending, ended.code) == (Ending.VETOED, Code.VETOED)
    await desk.shows("vetoed", "was vetoed")
    assert desk.root("vetoed")["blocks"][-1]["type"] == "context"
    await over(desk, "held")


async def test_kill_asks_twice_latches_and_tells_when_it_is_flat(desk: Desk) -> None:
    await desk.asks("killed")
    with pytest.raises(NeedsConfirmation):
        await desk.slack.click(OMAR, desk.root("killed"), "kill")
    await desk.says(OMAR, "killed", "kill", "positions are bleeding", mode="flatten")
    assert "and flat" in await desk.told(OMAR, "killed is latched")
    (latch,) = (await desk.rig.platform.describe("killed")).latches
    assert latch.by == "omar"
    assert (await desk.rig.rita.result("killed")).code is Code.KILLED


async def test_every_click_that_may_not_be_is_told_privately_and_recorded_once(desk: Desk) -> None:
    state = await desk.asks("careful")
    root, chain = desk.root("careful"), state.promotion_id
    desk.slack.workspace.users.append(desk.slack.workspace.users[0].model_copy(update={"id": MALLORY}))
    wrong = ((ANA, Code.FOUR_EYES), (MALLORY, Code.UNKNOWN_PERSON), (OMAR, Code.NOT_ENTITLED))
    for user, code in wrong:
        await desk.says(user, "careful", "approve")
        await desk.told(user, code)

    async def recorded() -> bool:
        links = await desk.rig.ana.store.chain(chain)
        refused = [link.event.code for link in links if link.event.kind == "approve_refused"]
        return refused == [code for _, code in wrong]

    await until("three refusals on record", recorded)
    # elsewhere: another workspace, another message, a button that was never ours
    other = Sending(override={"team": {"id": "T0OTHER"}, "user": {"id": RITA, "team_id": "T0OTHER"}})
    await desk.slack.click(RITA, root, "approve", sending=other)
    await desk.told(RITA, Code.WRONG_WORKSPACE)
    copied = Sending(override={"container": {"type": "message", "message_ts": "1.1", "channel_id": "C0ESCAL01"}})
    await desk.slack.click(RITA, root, "approve", sending=copied)
    await desk.told(RITA, Code.WRONG_PLACE)
    button = {"type": "button", "action_id": "approve", "block_id": "verbs", "value": "forged", "action_ts": "1.2"}
    await desk.slack.click(RITA, root, "approve", sending=Sending(override={"actions": [button]}))
    await desk.told(RITA, Code.UNKNOWN_BUTTON)
    assert await desk.desk_refusals() == [Code.WRONG_WORKSPACE, Code.WRONG_PLACE, Code.UNKNOWN_BUTTON]
    assert (await desk.rig.state("careful")).approvals == []
    # an old rendering of the message, after a retry of the stage
    stale = desk.root("careful")
    await desk.rig.ana.hold("careful", "look again")
    await desk.rig.reaches("careful", Phase.ON_HOLD)
    await desk.rig.person("omar").retry("careful", "again")
    await desk.rig.reaches("careful", Phase.AWAITING_APPROVAL)
    await desk.slack.click(RITA, stale, "approve", sending=Sending(stale=True))
    await desk.slack.until(lambda: bool(desk.slack.views(RITA)))
    await desk.slack.submit(RITA, desk.slack.views(RITA)[-1], {"reason": "late"})
    await desk.told(RITA, Code.WRONG_STAGE)
    # twice: the same click delivered again is one approval; a finished promotion says so
    await desk.shows("careful", "attempt 2")
    await desk.slack.click(RITA, desk.root("careful"), "approve")
    await desk.slack.until(lambda: bool(desk.slack.views(RITA)))
    await desk.slack.submit(RITA, desk.slack.views(RITA)[-1], {"reason": "fine now"}, sending=Sending(times=2))
    await desk.rig.reaches_stage("careful", "live")
    before = desk.root("careful")
    await over(desk, "careful")
    await desk.rig.rita.result("careful")
    kinds = await desk.rig.kinds("careful")
    assert kinds.count("approved") == 1
    await desk.slack.click(RITA, before, "veto", sending=Sending(stale=True))
    await desk.slack.until(lambda: bool(desk.slack.views(RITA)))
    await desk.slack.submit(RITA, desk.slack.views(RITA)[-1], {"reason": "too late"})
    await desk.told(RITA, Code.NO_SUCH_PROMOTION)
    assert (await desk.desk_refusals())[-1] == Code.NO_SUCH_PROMOTION


async def test_the_window_for_a_reason_opens_while_no_worker_answers(desk: Desk) -> None:
    await desk.asks("unanswered")
    async with desk.rig.without_worker():
        await desk.slack.click(RITA, desk.root("unanswered"), "approve")
        await desk.slack.until(lambda: bool(desk.slack.views(RITA)), 10)
    await desk.slack.submit(RITA, desk.slack.views(RITA)[-1], {"reason": "checked the fills"})
    await desk.rig.reaches_stage("unanswered", "live")
    await over(desk, "unanswered")


async def test_a_window_opens_only_while_somebody_hears_and_by_itself_when_slack_is_back(silent: Desk) -> None:
    await silent.rig.ana.start(await silent.rig.bot("patient"))
    # beats of gateways of other tests may still count for a minute: make Slack itself unreachable
    await silent.slack.outage("503")
    await silent.rig.reaches("patient", Phase.AWAITING_NOTICE, "paper")
    await silent.rig.ana.hold("patient", "an outage blocks no prohibition")
    await silent.rig.reaches("patient", Phase.ON_HOLD)
    await silent.rig.person("omar").resume("patient", "go on")
    silent.slack.recover()
    async with silent.listening():
        await silent.rig.reaches_stage("patient", "canary-10", 120)
    assert len([one for one in silent.slack.messages(CHANNEL) if "patient/" in str(one) and "#root" in str(one)]) == 1
    await over(silent, "patient")


async def test_commands_are_answered_privately_and_home_shows_what_waits_for_me(desk: Desk) -> None:
    await desk.asks("asked")

    async def typed(user: str, text: str, words: str) -> str:
        await desk.slack.command(user, CHANNEL, "/ladder", text)
        return await desk.told(user, words)

    await typed(ANA, "list", "asked")
    await typed(ANA, "status asked", "needs approval")
    await typed(ANA, "audit asked", "stage_entered")
    await typed(ANA, "nonsense", "/ladder list")
    await typed(ANA, "status nobody", Code.NO_SUCH_PROMOTION)
    await typed(ANA, "start asked 9.9", Code.UNKNOWN_RELEASE)
    await typed(ANA, "approve asked looks fine to me", Code.FOUR_EYES)
    await desk.slack.open_home(RITA)
    await desk.slack.until(lambda: "asked" in str(desk.slack.home(RITA)))
    await desk.slack.open_home(ANA)
    await desk.slack.until(lambda: "Nothing waits for you" in str(desk.slack.home(ANA)))
    await typed(RITA, "approve asked gates read, size is fine", "rita approved")
    await desk.rig.reaches_stage("asked", "live")
    await desk.slack.command(OMAR, CHANNEL, "/ladder", "kill asked")
    await desk.slack.until(lambda: bool(desk.slack.views(OMAR)))
    await desk.slack.submit(OMAR, desk.slack.views(OMAR)[-1], {"reason": "enough of it", "mode": "flatten"})
    assert (await desk.rig.rita.result("asked")).code is Code.KILLED


async def over(desk: Desk, bot: str) -> None:
    """Bring it down; on a busy machine it may have climbed to its end meanwhile."""
    with contextlib.suppress(LadderError):
        await desk.rig.ana.rollback(bot, "done")


async def test_over_http_forged_expired_and_nonsense_are_401_and_a_replay_is_one_deed(silent: Desk) -> None:
    async with silent.listening(("127.0.0.1", 0)) as sentence:
        silent.slack.request_url = sentence.removeprefix("listening on ")
        await silent.asks("over-http")
        root = silent.root("over-http")
        for signature in ("forged", "expired", "missing"):
            deed = await silent.slack.click(RITA, root, "approve", sending=Sending(signature=signature))
            assert deed.delivery.http_status == 401, signature
        assert silent.slack.views(RITA) == []
        deed = await silent.says(RITA, "over-http", "approve", sending=Sending(times=2))  # a signed request, replayed
        assert [delivery.http_status for delivery in deed.deliveries] == [200, 200]
        await silent.rig.reaches_stage("over-http", "live")
        assert (await silent.rig.kinds("over-http")).count("approved") == 1
    await over(silent, "over-http")


async def test_a_dropped_socket_is_taken_up_again(desk: Desk) -> None:
    await desk.asks("dropped")
    await desk.slack.recycle()
    await desk.slack.until(lambda: desk.slack.connections > 0, 20)
    await desk.says(RITA, "dropped", "approve")
    await desk.rig.reaches_stage("dropped", "live")
    await over(desk, "dropped")
