"""Signed requests to a URL, checked by Bolt as it checks Slack's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from tests.fake_slack.conftest import CHANNEL, RITA, Json

from promotion_ladder.fake_slack import FakeSlack, Sending


class Endpoint:
    """A request URL with Bolt behind it: what came, and in which headers."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app
        self.headers: list[Any] = []
        self.status: int | None = None  # answered in place of the app

    async def handle(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        if self.status is not None:
            return web.Response(status=self.status)
        body = await request.text()
        answer = await self._app.async_dispatch(AsyncBoltRequest(body=body, headers=dict(request.headers)))
        return web.Response(status=answer.status, text=answer.body, headers=answer.first_headers())


@pytest.fixture
async def endpoint(slack: FakeSlack, app: AsyncApp) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(app)
    site = web.Application()
    site.router.add_post("/slack/events", endpoint.handle)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield endpoint
    await runner.cleanup()


def pressed(app: AsyncApp) -> list[Json]:
    bodies: list[Json] = []

    async def listen(ack: Any, body: Json) -> None:
        await ack()
        bodies.append(body)

    app.action("approve")(listen)
    return bodies


async def test_a_signed_click_arrives(slack: FakeSlack, app: AsyncApp, endpoint: Endpoint, card: Json) -> None:
    bodies = pressed(app)
    deed = await slack.click(RITA, card, "approve")
    assert (deed.ok, deed.delivery.http_status) == (True, 200)
    assert bodies[0]["actions"][0]["action_id"] == "approve"


@pytest.mark.parametrize("signature", ["forged", "expired", "missing"])
async def test_a_click_that_slack_did_not_sign_is_refused(
    slack: FakeSlack, app: AsyncApp, endpoint: Endpoint, card: Json, signature: Any
) -> None:
    bodies = pressed(app)
    deed = await slack.click(RITA, card, "approve", sending=Sending(signature=signature))
    assert (deed.delivery.status, deed.delivery.http_status) == ("refused", 401)
    assert not bodies


async def test_a_click_may_come_twice_and_says_so(
    slack: FakeSlack, app: AsyncApp, endpoint: Endpoint, card: Json
) -> None:
    bodies = pressed(app)
    deed = await slack.click(RITA, card, "approve", sending=Sending(times=2))
    assert [one.attempt for one in deed.deliveries] == [0, 1]
    assert bodies[0]["actions"][0]["action_ts"] == bodies[1]["actions"][0]["action_ts"]
    assert "X-Slack-Retry-Num" not in endpoint.headers[0]
    assert (endpoint.headers[1]["X-Slack-Retry-Num"], endpoint.headers[1]["X-Slack-Retry-Reason"]) == (
        "1",
        "http_timeout",
    )


async def test_a_click_may_come_from_another_team(
    slack: FakeSlack, app: AsyncApp, endpoint: Endpoint, card: Json
) -> None:
    bodies = pressed(app)
    await slack.click(RITA, card, "approve", sending=Sending(override={"team": {"id": "T0OTHER"}}))
    assert bodies[0]["team"] == {"id": "T0OTHER", "domain": "fake"}


async def test_a_command_is_a_flat_form_and_its_answer_is_shown(
    slack: FakeSlack, app: AsyncApp, endpoint: Endpoint
) -> None:
    async def listen(ack: Any, command: Json) -> None:
        await ack(f"you said {command['text']}")

    app.command("/ladder")(listen)
    assert (await slack.command(RITA, CHANNEL, "/ladder", "status & more")).ok
    assert slack.ephemerals(RITA)[0]["text"] == "you said status & more"


async def test_an_event_that_is_not_taken_comes_again(slack: FakeSlack, app: AsyncApp, endpoint: Endpoint) -> None:
    slack.deliveries.event_retries = (0.0, 0.05, 60.0)
    endpoint.status = 500
    deed = await slack.open_home(RITA)
    assert deed.delivery.status == "refused"
    await slack.until(lambda: len([one for one in slack.deliveries.sent if one.status == "refused"]) == 3)
    assert [headers.get("X-Slack-Retry-Num") for headers in endpoint.headers] == [None, "1", "2"]
    assert len({one.payload["event_id"] for one in slack.deliveries.sent}) == 1


async def test_a_click_that_is_not_taken_does_not_come_again(slack: FakeSlack, endpoint: Endpoint, card: Json) -> None:
    endpoint.status = 500
    assert (await slack.click(RITA, card, "approve")).problem
    assert len(slack.deliveries.sent) == 1
