"""``/api/{method}``: who calls, may they, is something to go wrong; then the method itself."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from promotion_ladder.fake_slack.base import ApiError, Json
from promotion_ladder.fake_slack.faults import Faults
from promotion_ladder.fake_slack.methods import METHODS, PER_MINUTE, Method
from promotion_ladder.fake_slack.pace import POST_BURST, Pace
from promotion_ladder.fake_slack.state import State

JSON_ARGUMENTS = ("blocks", "attachments", "metadata")


@dataclass
class Call:
    """One call of the Web API, as it came; ``answer`` is what was answered (also when the answer was then lost)."""

    at: float
    method: str
    arguments: Json
    answer: Json = field(default_factory=dict)
    status: int = 200

    @property
    def error(self) -> str | None:
        """Slack's error word, or None if the call went well."""
        word = self.answer.get("error")
        return None if word is None else str(word)


def drop(request: web.Request) -> None:
    """Close the connection without a word."""
    if request.transport is not None:
        request.transport.abort()


@dataclass
class WebApi:
    """The Web API of one app. ``connect`` gives the link for Socket Mode."""

    state: State
    faults: Faults
    pace: Pace
    connect: Callable[[], str]
    url: Callable[[], str]
    calls: list[Call] = field(default_factory=list)
    revoked: dict[str, str] = field(default_factory=dict)  # a token and the error it gets: token_revoked, …

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call of a method."""
        token, arguments = await _read(request)
        call = Call(self.state.clock.now(), request.match_info["method"], arguments)
        self.calls.append(call)

        async def perform() -> web.Response:
            headers = self._perform(call, token)
            self.state.changed()
            return web.json_response(call.answer, status=call.status, headers=headers)

        return await self.guarded(request, call, perform)

    async def guarded(
        self, request: web.Request, call: Call, perform: Callable[[], Awaitable[web.Response]]
    ) -> web.Response:
        """Do what is asked for, unless Slack is out or a fault befalls it."""
        out = self.faults.out(self.state.clock.now())
        faults = self.faults.take(call.method)
        await asyncio.sleep(sum(fault.seconds for fault in faults if fault.kind == "delay"))
        instead = next((fault for fault in faults if fault.kind in ("error", "status", "refuse")), None)
        if out == "none" and instead is None:
            answer = await perform()
            if any(fault.kind == "lose" for fault in faults):
                drop(request)
            return answer
        if instead is not None and instead.kind == "error" and out == "none":
            call.answer = ApiError(instead.error).body()
        elif out == "refuse" or (instead is not None and instead.kind == "refuse"):
            call.status, call.answer = 0, {"ok": False, "error": "refused"}
            drop(request)
        else:
            call.status, call.answer = 503, {"ok": False, "error": "service_unavailable"}
        self.state.changed()
        return web.json_response(call.answer, status=call.status or 503)

    def fallible(
        self, name: str, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A route beside the methods to which outages and faults apply under ``name``; it is no recorded call."""

        async def guarded(request: web.Request) -> web.Response:
            call = Call(self.state.clock.now(), name, {})
            return await self.guarded(request, call, functools.partial(handle, request))

        return guarded

    def _perform(self, call: Call, token: str) -> dict[str, str]:
        """Do it; the headers of the answer."""
        try:
            method = self._allowed(call.method, token)
            if wait := self._too_often(call, method):
                call.status, call.answer = 429, {"ok": False, "error": "ratelimited"}
                return {"Retry-After": str(wait)}
            if call.method == "apps.connections.open":
                call.answer = {"ok": True, "url": self.connect()}
            else:
                call.answer = {"ok": True} | method.handler(
                    self.state, _unpacked(call.arguments) | {"_url": self.url()}
                )
        except ApiError as error:
            call.answer = error.body()
        except (TypeError, ValueError) as error:  # a number that is none, and the like
            call.answer = ApiError("invalid_arguments", [str(error)]).body()
        return {"x-oauth-scopes": ",".join(self.state.workspace.scopes)}

    def _allowed(self, name: str, token: str) -> Method:
        """The method, if this token may call it."""
        here = self.state.workspace
        method = METHODS.get(name, Method(lambda _state, _call: {}, caller="app", scope="connections:write"))
        if name not in METHODS and name != "apps.connections.open":
            raise ApiError("unknown_method", req_method=name)
        if not token:
            raise ApiError("not_authed")
        if token in self.revoked:
            raise ApiError(self.revoked[token])
        granted = {here.bot_token: here.scopes, here.app_token: here.app_scopes}.get(token)
        if granted is None:
            raise ApiError("invalid_auth")
        caller = "app" if granted is here.app_scopes else "bot"
        if caller != method.caller:
            raise ApiError("not_allowed_token_type")
        if method.scope and not set(method.scope.split("|")) & set(granted):
            raise ApiError("missing_scope", needed=method.scope.replace("|", ","), provided=",".join(granted))
        return method

    def _too_often(self, call: Call, method: Method) -> int:
        if method.tier is None:
            return 0
        if method.tier == "post":
            named = str(call.arguments.get("channel"))
            channel = self.state.workspace.channel(named)
            return self.pace.wait(f"post {channel.id if channel else named}", PER_MINUTE["post"], POST_BURST)
        rate = PER_MINUTE[method.tier]
        return self.pace.wait(call.method, rate, rate)


async def _read(request: web.Request) -> tuple[str, Json]:
    """The token, and the arguments from the query and the body, be it JSON or a form."""
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except json.JSONDecodeError:
            body = None
        arguments |= body if isinstance(body, dict) else {}
    elif request.can_read_body:
        arguments |= dict(await request.post())
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = str(arguments.pop("token", ""))
    return (token if scheme == "Bearer" else given), arguments


def _unpacked(arguments: Json) -> Json:
    """Arguments that a form carries as JSON text, as what they are."""
    unpacked = dict(arguments)
    for name in JSON_ARGUMENTS:
        value: Any = arguments.get(name)
        if isinstance(value, str) and value:
            try:
                unpacked[name] = json.loads(value)
            except json.JSONDecodeError as error:
                raise ApiError(f"invalid_{name}_format") from error
    return unpacked
