"""The page's routes: its files, what it shows, and ``/_fake/…``, through which it (and any program) acts."""

import asyncio
import contextlib
import dataclasses
import functools
import json
import mimetypes
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING, Any

from aiohttp import web

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.deliveries import Sending
from promotion_ladder.fake_slack.inputs import NoSuchElement
from promotion_ladder.fake_slack.persons import Deed, NeedsConfirmation, SlackIsOut
from promotion_ladder.fake_slack.shown import shown_page

if TYPE_CHECKING:
    from promotion_ladder.fake_slack.fake import FakeSlack

PAGE_FILES = ("style.css", "app.js", "blocks.js", "modal.js")
# Nothing that a message carries can run: only the page's own files do.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: https:"
SAFE = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
STREAM_SECONDS = 15.0  # a comment is sent when nothing changed for so long: it finds pages that are gone


def add_page(app: web.Application, slack: "FakeSlack") -> None:
    """Add every route of the page and of ``/_fake``."""
    app.router.add_get("/", _file("index.html"))
    app.router.add_get("/archives/{channel}/{message}", functools.partial(_permalink, slack))
    for name in PAGE_FILES:
        app.router.add_get(f"/page/{name}", _file(name))
    app.router.add_get("/files/{file}/{name}", functools.partial(_upload, slack))
    app.router.add_get("/_fake/stream", functools.partial(_stream, slack))
    for path, act in _acts(slack).items():
        app.router.add_post(f"/_fake/{path}", _acting(act))
    for path, see in _sights(slack).items():
        app.router.add_get(f"/_fake/{path}", _seeing(see))
    app.router.add_delete("/_fake/faults", _seeing(lambda _query: slack.recover()))


def _acts(slack: "FakeSlack") -> dict[str, Callable[..., Any]]:
    """What can be done, by the last part of its path; the body's fields are the arguments."""

    def rate_limits(*, on: bool) -> None:
        slack.pace.on = on

    def request_url(url: str | None) -> None:
        slack.request_url = url

    return {
        "click": slack.click,
        "submit": slack.submit,
        "close": slack.close,
        "command": slack.command,
        "home": slack.open_home,
        "say": slack.say,
        "faults": slack.fault,
        "outage": slack.outage,
        "recycle": slack.recycle,
        "skip": slack.clock.skip,
        "archive": slack.archive,
        "delete": slack.delete,
        "rename": slack.rename,
        "members": slack.set_members,
        "revoke": slack.revoke,
        "request_url": request_url,
        "rate_limits": rate_limits,
    }


def _sights(slack: "FakeSlack") -> dict[str, Callable[[Any], Any]]:
    """What can be seen; the query's fields are given as a mapping."""
    return {
        "messages": lambda query: slack.messages(query["channel"]),
        "thread": lambda query: slack.thread(query["channel"], query["ts"]),
        "ephemerals": lambda query: slack.ephemerals(query["user"]),
        "views": lambda query: slack.views(query["user"]),
        "home": lambda query: slack.home(query["user"]),
        "calls": lambda query: slack.calls(query.get("method")),
        "deliveries": lambda _query: slack.deliveries.sent,
        "mentions": lambda query: slack.mentions(query.get("channel")),
        "faults": lambda _query: slack.faults.waiting,
        "page": lambda query: shown_page(slack.state, query.get("as"), slack.connections),
    }


def _plain(thing: Any) -> Any:
    """What JSON cannot say by itself."""
    if isinstance(thing, Deed):
        return {"ok": thing.ok, **dataclasses.asdict(thing)}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return dataclasses.asdict(thing)
    raise TypeError(f"{type(thing).__name__} is not JSON")


def _json(thing: Any, status: int = 200) -> web.Response:
    return web.json_response(thing, status=status, dumps=lambda value: json.dumps(value, default=_plain))


def _acting(act: Callable[..., Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        if request.content_type != "application/json":  # a page of another site can send forms, but no JSON
            return _json({"error": "send JSON"}, status=415)
        try:
            body: Json = json.loads(await request.text())
            if "sending" in body:
                body["sending"] = Sending(**body["sending"])
            done = act(**body)
            return _json(await done if asyncio.iscoroutine(done) else done)
        except NeedsConfirmation as asks:
            return _json({"confirm": asks.confirm}, status=409)
        except (ApiError, NoSuchElement, SlackIsOut, TypeError, ValueError) as error:
            return _json({"error": str(error)}, status=400)

    return handle


def _seeing(see: Callable[[Any], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return _json(see(request.query))
        except (ApiError, KeyError) as error:
            return _json({"error": str(error)}, status=400)

    return handle


def _file(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    content = resources.files("promotion_ladder.fake_slack").joinpath("page", name).read_bytes()
    kind = mimetypes.guess_type(name)[0] or "text/plain"

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8", headers=SAFE)

    return handle


async def _upload(slack: "FakeSlack", request: web.Request) -> web.Response:
    file = slack.files.get(request.match_info["file"])
    if file is None or file.data is None:
        return web.Response(status=404)
    kind = mimetypes.guess_type(file.name)[0] or ""
    # Only pictures are shown; anything else is handed over, so that an uploaded page never runs here.
    if not kind.startswith("image/") or kind == "image/svg+xml":
        headers = SAFE | {"Content-Disposition": "attachment"}
        return web.Response(body=file.data, content_type="application/octet-stream", headers=headers)
    return web.Response(body=file.data, content_type=kind, headers=SAFE)


async def _permalink(slack: "FakeSlack", request: web.Request) -> web.Response:
    """A permalink opens the page at that message."""
    channel, name = request.match_info["channel"], request.match_info["message"].removeprefix("p")
    ts = f"{name[:-6]}.{name[-6:]}"
    message = slack.state.messages.get(channel, {}).get(ts)
    if message is None:
        return web.Response(status=404, text="no such message")
    thread = message.get("thread_ts", ts)
    raise web.HTTPFound(f"/?channel={channel}&thread={thread}#m{ts}")


async def _stream(slack: "FakeSlack", request: web.Request) -> web.StreamResponse:
    """Server-sent events: the version of the state, now and after every change."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the page was closed
        await _tell(slack, response)
    return response


async def _tell(slack: "FakeSlack", response: web.StreamResponse) -> None:
    seen = -1
    while not slack.stopping:
        if slack.state.version != seen:
            seen = slack.state.version
            await response.write(f"data: {seen}\n\n".encode())
        else:
            await response.write(b": still here\n\n")
        await slack.state.until(lambda: slack.stopping or slack.state.version != seen, STREAM_SECONDS)  # noqa: B023 -- awaited here
