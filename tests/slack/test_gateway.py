"""The gateway by itself: what it hears, whom it believes, and what it answers while nothing is behind it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestServer
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from tests.cards import EVIDENCE, a_state
from tests.slack.conftest import CHANNEL, DESK, Side

from promotion_ladder import settings
from promotion_ladder.adapters.slack.web import web_client
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.core.state import Command, PromotionState, Receipt
from promotion_ladder.fake_slack import FakeSlack, Sending
from promotion_ladder.gateway.app import bolt_app
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.gateway.http import PATH, server
from promotion_ladder.settings import shipped_config

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
    app = bolt_app(deeds, client, tmp_path)
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
    app = bolt_app(gateway.deeds, client, Path(), gateway.slack.workspace.signing_secret)
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
