"""Slack over HTTP, for replicas behind a balancer: signed requests in, each judged before anybody acts on it."""

import re

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

PATH = "/slack/events"
_SECONDS = re.compile(r"[0-9]{1,12}")
LARGEST = 1_000_000
"""Bytes: Slack's own payloads are far smaller."""


def server(app: AsyncApp) -> web.Application:
    """The application: ``POST /slack/events`` for Slack, ``GET /health`` for the balancer.

    A timestamp that is no number, or no time, is a forgery like any other (401); Bolt would answer 500. A request that
    is sent again within the five minutes in which its signature holds is the same deed, and done once.
    """

    async def events(request: web.Request) -> web.Response:
        if not _SECONDS.fullmatch(request.headers.get("X-Slack-Request-Timestamp", "")):
            return web.Response(status=401, text="no valid X-Slack-Request-Timestamp")
        try:
            (await request.read()).decode()
        except UnicodeDecodeError:
            return web.Response(status=401, text="not what Slack sends")
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    made = web.Application(client_max_size=LARGEST)
    made.router.add_post(PATH, events)
    made.router.add_get("/health", health)
    return made
