"""What goes wrong on request: answers that get lost, connections that drop, days on which Slack is down."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient
from tests.fake_slack.conftest import CHANNEL, RITA, Json

from promotion_ladder.fake_slack import FakeSlack, SlackIsOut
from promotion_ladder.fake_slack.state import ResponseUrl

POST = "chat.postMessage"


async def test_a_lost_answer_leaves_the_message_there(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fault(POST, "lose")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=CHANNEL, text="once")
    assert [one["text"] for one in slack.messages(CHANNEL)] == ["once"]
    assert (await client.chat_postMessage(channel=CHANNEL, text="twice"))["ok"]


async def test_slacks_own_retries_post_twice_after_a_lost_answer(slack: FakeSlack) -> None:
    client = AsyncWebClient(token=slack.workspace.bot_token, base_url=slack.base_url)
    slack.fault(POST, "lose")
    await client.chat_postMessage(channel=CHANNEL, text="once?")
    assert [one["text"] for one in slack.messages(CHANNEL)] == ["once?", "once?"]


async def test_a_refused_connection_does_nothing(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fault("*", "refuse", times=2)
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=CHANNEL, text="never")
    assert slack.messages(CHANNEL) == []
    assert [call.answer["error"] for call in slack.calls(POST)] == ["refused", "refused"]


async def test_an_error_is_answered_as_often_as_asked(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fault(POST, "error", error="fatal_error", times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            await client.chat_postMessage(channel=CHANNEL, text="never")
    assert (await client.chat_postMessage(channel=CHANNEL, text="now"))["ok"]


async def test_a_delay_delays(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fault("auth.test", "delay", seconds=0.15)
    start = time.monotonic()
    await client.auth_test()
    assert time.monotonic() - start >= 0.15


@pytest.mark.parametrize(("on", "kind"), [("delivery", "lose"), (POST, "duplicate"), (POST, "explode")])
async def test_a_fault_that_cannot_be_is_refused(slack: FakeSlack, on: str, kind: Any) -> None:
    with pytest.raises(ValueError, match=kind):
        slack.fault(on, kind)


async def test_an_upload_and_a_response_url_can_fail_too(slack: FakeSlack, client: AsyncWebClient) -> None:
    slack.fault("upload", "status")
    with pytest.raises(SlackRequestError, match="503"):
        await client.files_upload_v2(channel=CHANNEL, content=b"\x89PNG", filename="pnl.png")
    assert slack.messages(CHANNEL) == []
    where = ResponseUrl(RITA, CHANNEL, slack.clock.now() + 60)
    url = f"{slack.url}/_response/{slack.state.new_response_url(where)}"
    slack.fault("response_url", "lose")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, json={"text": "only you"})
    assert [one["text"] for one in slack.ephemerals(RITA)] == ["only you"]


def pressed(app: AsyncApp) -> list[Json]:
    bodies: list[Json] = []

    async def listen(ack: Any, body: Json) -> None:
        await ack()
        bodies.append(body)

    app.action("approve")(listen)
    return bodies


async def test_an_envelope_may_come_twice_or_late(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    bodies = pressed(connected)
    slack.fault("delivery", "duplicate")
    deed = await slack.click(RITA, card, "approve")
    assert [(one.attempt, one.reason, one.status) for one in deed.deliveries] == [
        (0, "", "acked"),
        (1, "timeout", "acked"),
    ]
    assert len(bodies) == 2
    slack.fault("delivery", "late", seconds=0.1)
    start = time.monotonic()
    await slack.click(RITA, card, "approve")
    assert time.monotonic() - start >= 0.1


async def test_a_recycled_connection_comes_back(slack: FakeSlack, connected: AsyncApp, card: Json) -> None:
    bodies = pressed(connected)
    await slack.recycle("warning")
    assert slack.connections == 1
    await slack.recycle()
    await slack.until(lambda: slack.connections == 1 and len(slack.calls("apps.connections.open")) == 2)
    assert (await slack.click(RITA, card, "approve")).ok
    assert len(bodies) == 1


@pytest.mark.parametrize("how", ["503", "refuse"])
async def test_an_outage_ends_connections_calls_and_deeds_and_then_ends(
    slack: FakeSlack, client: AsyncWebClient, connected: AsyncApp, card: Json, how: Any
) -> None:
    pressed(connected)
    await slack.outage(how)
    await slack.until(lambda: slack.connections == 0)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await client.chat_postMessage(channel=CHANNEL, text="never")
    with pytest.raises(SlackIsOut):
        await slack.click(RITA, card, "approve")
    slack.recover()
    assert (await client.chat_postMessage(channel=CHANNEL, text="again"))["ok"]
    await slack.until(lambda: slack.connections == 1, seconds=10)
    assert (await slack.click(RITA, card, "approve")).ok


async def test_an_outage_ends_by_itself(slack: FakeSlack, client: AsyncWebClient) -> None:
    await slack.outage(seconds=10)
    slack.clock.skip(11)
    assert (await client.auth_test())["ok"]


async def test_a_deleted_message_cannot_be_updated(slack: FakeSlack, client: AsyncWebClient, card: Json) -> None:
    slack.delete(CHANNEL, card["ts"])
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=CHANNEL, ts=card["ts"], text="t")


async def test_waiting_for_what_does_not_happen_ends(slack: FakeSlack) -> None:
    with pytest.raises(TimeoutError):
        await slack.until(lambda: False, seconds=0.05)
    waiting = asyncio.create_task(slack.until(lambda: bool(slack.messages(CHANNEL))))
    await asyncio.sleep(0)
    slack.say(RITA, CHANNEL, "now")
    await waiting
