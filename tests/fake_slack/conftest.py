"""An imitated Slack on a free port, Slack's own client, and an app in Bolt beside it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from promotion_ladder.fake_slack import FakeSlack

CHANNEL = "C0LADDER1"
RITA, BEN, ANA = "U0RITA003", "U0BEN0002", "U0ANA0001"
Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str, **more: Any) -> Json:
    return {"type": "mrkdwn", "text": text, **more}


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(action_id: str, value: str = "a1", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(action_id), "value": value, **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def text_input(block_id: str, **element: Any) -> Json:
    inner = {"type": "plain_text_input", "action_id": f"{block_id}_text", **element}
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": inner}


def modal(*blocks: Json, **more: Any) -> Json:
    view = {"type": "modal", "callback_id": "asked", "title": plain("Why?"), "submit": plain("Send")}
    return {**view, "blocks": list(blocks) or [text_input("reason", min_length=10)], **more}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    """Slack's client with no retries of its own: what is lost stays lost."""
    return AsyncWebClient(token=slack.workspace.bot_token, base_url=slack.base_url, retry_handlers=[])


@pytest.fixture
def app(slack: FakeSlack, client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client, signing_secret=slack.workspace.signing_secret)


@pytest.fixture
async def connected(slack: FakeSlack, app: AsyncApp) -> AsyncIterator[AsyncApp]:
    """The app over Socket Mode; listeners may be added later."""
    handler = AsyncSocketModeHandler(app, slack.workspace.app_token, ping_interval=0.5)
    await handler.connect_async()
    yield app
    await handler.close_async()


@pytest.fixture
async def card(slack: FakeSlack, client: AsyncWebClient) -> Json:
    """A message that asks for a decision, as it stands in the channel."""
    asks = {
        "title": plain("Sure?"),
        "text": plain("It exits every position."),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    }
    verbs = actions(button("approve"), button("kill", style="danger", confirm=asks), block_id="verbs")
    blocks = [section("momentum asks for approval"), verbs]
    metadata = {"event_type": "card", "event_payload": {"promotion_id": "p1"}}
    posted = await client.chat_postMessage(channel=CHANNEL, text="asks", blocks=blocks, metadata=metadata)
    return slack.message(CHANNEL, str(posted["ts"]))
