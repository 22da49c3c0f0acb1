"""The gateway process: hears Slack by Socket Mode or over HTTP until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from promotion_ladder.adapters.slack.web import web_client
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.state import SLACK
from promotion_ladder.gateway.app import bolt_app
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.gateway.digest import post_daily
from promotion_ladder.gateway.http import PATH, server
from promotion_ladder.settings import Settings
from promotion_ladder.workers.bootstrap import SlackSide, slack_side

_LOG = logging.getLogger(__name__)
BEAT = 10.0
"""Seconds between two signs of life; a window opens only while a gateway gives them."""


async def run_gateway(
    settings: Settings, listen: tuple[str, int] | None = None, ready: Callable[[str], None] = lambda _: None
) -> None:
    """Listen until SIGTERM or SIGINT; ``ready`` hears a sentence once clicks are heard.

    Without ``listen`` by Socket Mode, else over HTTP on that host and port. Raises LadderError when a token or
    slack.yaml is missing, or Slack does not take a token.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with gateway(settings, listen) as sentence:
        ready(sentence)
        await stop.wait()


@contextlib.asynccontextmanager
async def gateway(settings: Settings, listen: tuple[str, int] | None = None) -> AsyncIterator[str]:
    """The gateway for as long as the block lasts; a sentence that says how it listens."""
    side = slack_side(settings)
    secret = settings.slack_signing_secret
    if listen is not None and secret is None:
        raise LadderError(Code.SLACK_CONFIG, "over HTTP anybody could send clicks: SLACK_SIGNING_SECRET is not set")
    me = await side.web.call("auth.test")
    if me.get("team_id") != side.desk.team:
        raise LadderError(
            Code.SLACK_CONFIG, f"the token is for workspace {me.get('team_id')}, slack.yaml names {side.desk.team}"
        )
    ladder = LadderClient(settings, channel=SLACK)
    with contextlib.suppress(LadderError):
        await ladder.temporal()  # else at the first verb: a kill is heard with Temporal away, too
    deeds = Deeds(ladder, side.book, side.desk)
    app = bolt_app(
        deeds, side.web.client, me, settings.config_dir / "releases",
        secret.get_secret_value() if listen is not None and secret is not None else None,
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        if listen is None:
            alive, sentence = await stack.enter_async_context(_socket(app, settings))
        else:
            sentence = await stack.enter_async_context(_http(app, *listen))
            alive = _always
        beside = [asyncio.create_task(_beat(side, alive))]
        if side.desk.digest is not None:
            beside.append(asyncio.create_task(post_daily(deeds, side.web, side.desk.digest)))
        try:
            yield sentence
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await side.book.close()
            await ladder.close()


@contextlib.asynccontextmanager
async def _socket(app: AsyncApp, settings: Settings) -> AsyncIterator[tuple[Callable[[], Awaitable[bool]], str]]:
    if settings.slack_app_token is None:
        raise LadderError(Code.SLACK_CONFIG, "SLACK_APP_TOKEN is not set; Socket Mode needs it")
    client = web_client(settings.slack_app_token.get_secret_value(), settings.slack_api)
    handler = AsyncSocketModeHandler(app, settings.slack_app_token.get_secret_value(), web_client=client)
    try:
        await handler.connect_async()
    except SlackApiError as error:
        raise LadderError(Code.SLACK_TOKEN, f"Slack opens no socket: {error.response.get('error')}") from None
    try:
        yield handler.client.is_connected, "listening by Socket Mode"
    finally:
        await handler.close_async()


@contextlib.asynccontextmanager
async def _http(app: AsyncApp, host: str, port: int) -> AsyncIterator[str]:
    runner = web.AppRunner(server(app))
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield f"listening on http://{host}:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()


async def _always() -> bool:
    return True


async def _beat(side: SlackSide, alive: Callable[[], Awaitable[bool]]) -> None:
    """Give signs of life while clicks are heard; a database that does not take them is waited out."""
    me = f"{socket.gethostname()[:60]}-{uuid.uuid4().hex[:8]}"
    while True:
        try:
            if await alive():
                await side.book.beat(me, datetime.now(UTC))
        except Exception:  # noqa: BLE001 - this task must live, whatever one turn trips over
            _LOG.exception("no sign of life")
        await asyncio.sleep(BEAT)
