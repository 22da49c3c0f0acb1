"""The gateway by itself: what it hears, whom it believes, and what it answers while nothing is behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestServer
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from tests.cards import EVIDENCE, NOW, a_state
from tests.slack.conftest import CHANNEL, DESK, Side

from promotion_ladder import settings
from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.adapters.slack.web import SlackWeb, web_client
from promotion_ladder.client import Killed, LadderClient, Line
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.platform import Scope
from promotion_ladder.core.scope import KillMode
from promotion_ladder.core.state import Command, Phase, PromotionState, Receipt
from promotion_ladder.fake_slack import FakeSlack, Sending
from promotion_ladder.gateway.app import bolt_app
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.gateway.digest import post
from promotion_ladder.gateway.http import PATH, server
from promotion_ladder.settings import shipped_config

ME = {"team_id": "T0LADDER1", "user_id": "U0LADDERB", "bot_id": "B0LADDER1"}
RITA, OMAR = "U0RITA003", "U0OMAR004"


@dataclass
class Gateway:
    side: Side
    slack: FakeSlack
    ladder: LadderClient
    deeds: Deeds

    def root(self) -> dict[str, Any]:
        (found,) = self.side.roots()
        return found

    async def told(self, user: str, words: str) -> str:
        def found() -> list[str]:
            return [one["text"] for one in self.slack.ephemerals(user) if words in str(one)]

        await self.slack.until(lambda: bool(found()))
        return found()[-1]


@pytest.fixture
async def gateway(side: Side, slack: FakeSlack, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Bolt by Socket Mode on the fake Slack; Temporal and the platform are not there."""
    env = {
        "LADDER_STATE": str(tmp_path), "LADDER_CONFIG": str(shipped_config()), "TEMPORAL_ADDRESS": "127.0.0.1:1",
        "LADDER_AUDIT_URL": f"sqlite:///{tmp_path / 'audit.sqlite'}", "LADDER_PLATFORM_URL": "http://127.0.0.1:1",
    }  # fmt: skip
    ladder = LadderClient(settings.load(env), channel="slack")
    deeds = Deeds(ladder, side.book, DESK)
    client = web_client(slack.workspace.bot_token, slack.base_url)
    app = bolt_app(deeds, client, ME, tmp_path)
    listening = AsyncSocketModeHandler(app, slack.workspace.app_token, web_client=client)
    await listening.connect_async()
    try:
        await side.tell(NoticeKind.APPROVAL_NEEDED)
        yield Gateway(side, slack, ladder, deeds)
    finally:
        await listening.close_async()
        await ladder.close()


async def test_a_window_that_slack_does_not_open_any_more_is_asked_for_again(gateway: Gateway) -> None:
    gateway.slack.fault("views.open", "error", error="expired_trigger_id")
    await gateway.slack.click(RITA, gateway.root(), "veto")
    assert "click again" in await gateway.told(RITA, "expired_trigger_id")
    await gateway.slack.click(RITA, gateway.root(), "veto")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))


async def test_every_click_is_acknowledged_within_three_seconds_whatever_is_behind(gateway: Gateway) -> None:
    for verb in ("approve", "veto", "hold", "kill"):
        deed = await gateway.slack.click(RITA, gateway.root(), verb, confirmed=True)
        assert deed.delivery.acked
        assert deed.delivery.seconds < 3


async def test_a_late_and_doubled_delivery_is_answered_like_any_other(gateway: Gateway) -> None:
    deed = await gateway.slack.click(RITA, gateway.root(), "hold", sending=Sending(times=2, late=0.2))
    assert all(delivery.acked for delivery in deed.deliveries)


async def test_somebody_who_was_renamed_is_the_same_person(gateway: Gateway) -> None:
    gateway.slack.rename(RITA, "rita.v", "Rita Vogel-Ortiz")
    await gateway.slack.click(RITA, gateway.root(), "veto")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))


async def test_without_temporal_a_verb_says_so_and_a_question_too(gateway: Gateway) -> None:
    await gateway.slack.click(RITA, gateway.root(), "veto")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))
    await gateway.slack.submit(RITA, gateway.slack.views(RITA)[-1], {"reason": "odd fills"})
    await gateway.told(RITA, Code.TEMPORAL_DOWN)
    await gateway.slack.command(OMAR, CHANNEL, "/ladder", "list")
    await gateway.told(OMAR, Code.TEMPORAL_DOWN)
    await gateway.slack.open_home(OMAR)
    await gateway.slack.until(lambda: "Temporal" in str(gateway.slack.home(OMAR)))


async def test_a_reason_that_is_none_is_asked_for_again(gateway: Gateway) -> None:
    await gateway.slack.click(RITA, gateway.root(), "veto")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))
    view = gateway.slack.views(RITA)[-1]
    values = {"reason": {"reason": {"type": "plain_text_input", "value": "   x   "}}}
    deed = await gateway.slack.submit(
        RITA, view, {"reason": "long enough"}, sending=Sending(override={"view": {**view, "state": {"values": values}}})
    )
    assert "Say why" in deed.errors["reason"]


async def test_with_the_book_away_a_prohibition_still_opens_its_window_and_a_permission_says_why_not(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.deeds.book, "_url", "sqlite:////proc/none/all.sqlite")
    await gateway.side.book.close()
    await gateway.slack.click(RITA, gateway.root(), "approve")
    await gateway.told(RITA, Code.SLACK_BOOK)
    await gateway.slack.click(RITA, gateway.root(), "veto")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))
    assert "bot/2.0.0/x1" in json.loads(gateway.slack.views(RITA)[-1]["private_metadata"])["promotion_id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-Slack-Request-Timestamp": "yesterday", "X-Slack-Signature": "v0=1"}, 401),
        ({"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=1"}, 401),
        ({"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=1"}, 401),
        ({"X-Slack-Request-Timestamp": "1700000000", "X-Slack-Signature": ""}, 401),
    ],
)
async def test_over_http_whatever_is_not_signed_by_slack_is_401(
    gateway: Gateway, headers: dict[str, str], status: int
) -> None:
    client = web_client(gateway.slack.workspace.bot_token, gateway.slack.base_url)
    app = bolt_app(gateway.deeds, client, ME, Path(), gateway.slack.workspace.signing_secret)
    async with TestServer(server(app)) as served, httpx.AsyncClient() as http:
        answer = await http.post(str(served.make_url(PATH)), headers=headers, content=b"payload=%7B%7D")
        assert answer.status_code == status
        assert (await http.get(str(served.make_url("/health")))).text == "ok"


@pytest.mark.parametrize(("stage", "asks"), [("paper", False), ("canary-10", True)])
async def test_approving_asks_for_a_reason_where_money_is_at_stake_and_counts_at_once_elsewhere(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, stage: str, asks: bool
) -> None:
    sent: list[Command] = []

    async def state(_self: LadderClient, _bot: str) -> PromotionState:
        return a_state(stage)

    async def send(_self: LadderClient, _bot: str, command: Command) -> Receipt:
        sent.append(command)
        return Receipt(accepted=True, code=Code.APPROVED, sentence="approved")

    monkeypatch.setattr(LadderClient, "state", state)
    monkeypatch.setattr(LadderClient, "send", send)
    await gateway.slack.click(RITA, gateway.root(), "approve", sending=Sending(times=2))
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)) if asks else len(sent) == 2)
    assert bool(sent) is not asks
    if not asks:
        (command,) = {one.message_id: one for one in sent}.values()  # delivered twice, one message
        assert (command.identity, command.stage, command.attempt, command.evidence, command.channel) == (
            RITA, "canary-10", 1, EVIDENCE, "slack",
        )  # fmt: skip


# --- when it matters most ---------------------------------------------------------------------------------------------


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bots that were killed, by whom."""
    found: list[str] = []

    async def kill(ladder: LadderClient, scope: str, bot: str, *, reason: str, mode: str) -> Killed:
        found.append(f"{bot} by {ladder.settings.identity}: {reason}")
        return Killed(
            scope=Scope(scope), target=bot, mode=KillMode(mode), bots=(), recorded=True, sentence=f"{bot} is flat"
        )

    monkeypatch.setattr(LadderClient, "kill", kill)
    return found


async def modal(gateway: Gateway, user: str, verb: str) -> dict[str, Any]:
    await gateway.slack.click(user, gateway.root(), verb, confirmed=True)
    await gateway.slack.until(lambda: bool(gateway.slack.views(user)))
    return gateway.slack.views(user)[-1]


async def test_a_kill_waits_for_no_answer_of_slack(gateway: Gateway, kills: list[str]) -> None:
    view = await modal(gateway, OMAR, "kill")
    gateway.slack.fault("chat.postEphemeral", "delay", seconds=3, times=5)
    await gateway.slack.submit(OMAR, view, {"reason": "bleeding", "mode": "flatten"})
    await gateway.slack.until(lambda: bool(kills), 1)
    assert kills == ["bot by omar: bleeding"]


async def test_a_kill_waits_for_no_database(
    gateway: Gateway, kills: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = await modal(gateway, OMAR, "kill")

    async def hangs(*_given: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(Book, "find", hangs)
    monkeypatch.setattr(Book, "post", hangs)
    await gateway.slack.submit(OMAR, view, {"reason": "bleeding", "mode": "flatten"})
    await gateway.slack.until(lambda: bool(kills), 1)


async def test_a_kill_that_failed_is_tried_again_when_asked_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    async def kill(_ladder: LadderClient, _scope: str, bot: str, **_more: object) -> Killed:
        tries.append(bot)
        raise LadderError(Code.PLATFORM_DOWN, "no platform is configured")

    monkeypatch.setattr(LadderClient, "kill", kill)
    view = await modal(gateway, OMAR, "kill")
    twice = Sending(times=2, late=0.1)
    await gateway.slack.submit(OMAR, view, {"reason": "bleeding", "mode": "flatten"}, sending=twice)
    await gateway.slack.until(lambda: len(tries) == 2)
    await gateway.told(OMAR, Code.PLATFORM_DOWN)


async def test_the_first_click_is_acknowledged_however_slow_slack_is_to_say_who_we_are(gateway: Gateway) -> None:
    gateway.slack.fault("auth.test", "delay", seconds=4)
    deed = await gateway.slack.click(OMAR, gateway.root(), "kill", confirmed=True)
    assert deed.ok


async def test_whatever_goes_wrong_the_person_hears_that_it_is_not_known_what_became_of_it(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_given: object) -> Receipt:
        raise RuntimeError("a bug")

    monkeypatch.setattr(LadderClient, "send", breaks)
    view = await modal(gateway, OMAR, "veto")
    await gateway.slack.submit(OMAR, view, {"reason": "wrong parameters"})
    await gateway.told(OMAR, "not known whether that was done")


async def test_a_veto_that_is_refused_only_later_is_told_as_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(_self: LadderClient, _bot: str, command: Command) -> Receipt:
        return Receipt(accepted=True, code=Code.NOT_RULED_YET, sentence=f"{command.verb} sent, not ruled on yet")

    async def ruled(_self: LadderClient, _bot: str, _message_id: str, _patience: float) -> Receipt:
        return Receipt(accepted=False, code=Code.NOT_ENTITLED, sentence="omar may not veto")

    monkeypatch.setattr(LadderClient, "send", send)
    monkeypatch.setattr(LadderClient, "ruled", ruled)
    view = await modal(gateway, OMAR, "veto")
    await gateway.slack.submit(OMAR, view, {"reason": "wrong parameters"})
    await gateway.told(OMAR, "not ruled on yet")
    await gateway.told(OMAR, Code.NOT_ENTITLED)


async def test_an_approval_that_is_typed_counts_for_what_there_was_when_it_was_typed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = a_state()
    sent: list[Command] = []

    async def state(_self: LadderClient, _bot: str) -> PromotionState:
        return now

    async def send(_self: LadderClient, _bot: str, command: Command) -> Receipt:
        sent.append(command)
        return Receipt(accepted=True, code=Code.APPROVED, sentence="approved")

    monkeypatch.setattr(LadderClient, "state", state)
    monkeypatch.setattr(LadderClient, "send", send)
    await gateway.slack.command(RITA, CHANNEL, "/ladder", "approve bot")
    await gateway.slack.until(lambda: bool(gateway.slack.views(RITA)))
    view = gateway.slack.views(RITA)[-1]
    assert "bot 2.0.0 at canary-10" in str(view["blocks"])
    order = now.order.model_copy(update={"promotion_id": "bot/9.9.9/zz"})
    now = a_state("live", order=order, attempt=3)
    await gateway.slack.submit(RITA, view, {"reason": "checked it"})
    await gateway.slack.until(lambda: bool(sent))
    assert (sent[0].promotion_id, sent[0].stage, sent[0].attempt, sent[0].evidence) == (
        "bot/2.0.0/x1", "canary-10", 1, EVIDENCE,
    )  # fmt: skip


async def test_nothing_but_spaces_is_a_question_for_help(gateway: Gateway) -> None:
    await gateway.slack.command(OMAR, CHANNEL, "/ladder", "   ")
    await gateway.told(OMAR, "/ladder list")


async def test_the_digest_is_posted_once_whichever_gateways_run_and_says_what_waits_first(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line(bot: str, status: Phase) -> Line:
        return Line(
            bot=bot, release="2.0.0", stage="paper", status=status, exposed=False, started_at=NOW, promotion_id=bot
        )

    async def lines(_self: LadderClient) -> AsyncIterator[Line]:
        yield line("climbs", Phase.OBSERVING)
        yield line("waits", Phase.AWAITING_APPROVAL)

    monkeypatch.setattr(LadderClient, "list", lines)
    web = SlackWeb(web_client(gateway.slack.workspace.bot_token, gateway.slack.base_url))
    before = len(gateway.slack.messages(CHANNEL))
    assert [await post(gateway.deeds, web, NOW) for _ in range(2)] == [True, False]
    assert len(gateway.slack.messages(CHANNEL)) == before + 1
    digest = gateway.slack.messages(CHANNEL)[-1]
    assert digest["text"] == "2 on the ladders, 1 wait for people, 0 incidents"
    shown = str(digest["blocks"])
    assert shown.index("*waits* 2.0.0: awaiting approval") < shown.index("*climbs* 2.0.0: observing")
