"""What Slack sends to the app: over Socket Mode, or as signed requests to a URL.

Three seconds is all an app has to acknowledge. What a person did is sent once; events are sent again.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType, web

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.faults import Faults
from promotion_ladder.fake_slack.state import State

Kind = Literal["interactive", "slash_commands", "events_api"]
Signature = Literal["good", "forged", "expired", "missing"]
ACK_SECONDS = 3.0


@dataclass(frozen=True)
class Sending:
    """How a person's deed reaches the app.

    ``times`` the same payload; ``late`` seconds after the deed (the trigger id ages meanwhile); ``signature`` in HTTP
    mode; ``override`` is merged into the payload, objects into objects, so that it may come from another team.
    ``stale``: the screen still shows the message as it was passed, though it has been edited since.
    """

    times: int = 1
    late: float = 0.0
    signature: Signature = "good"
    override: Json = field(default_factory=dict)
    stale: bool = False


ONCE = Sending()


@dataclass
class Delivery:
    """One payload on its way; ``answer`` is what came with the acknowledgement.

    ``status``: ``acked`` in time, ``late``, ``refused`` (an HTTP status other than 200), or ``failed`` (no answer, or
    nobody there).
    """

    kind: Kind
    payload: Json
    sent_at: float
    envelope_id: str = ""
    attempt: int = 0
    reason: str = ""
    status: Literal["sent", "acked", "late", "refused", "failed"] = "sent"
    http_status: int | None = None
    answer: Json = field(default_factory=dict)
    seconds: float = 0.0  # till the acknowledgement

    @property
    def acked(self) -> bool:
        """Acknowledged within three seconds."""
        return self.status == "acked"


def merged(into: Json, other: Json) -> Json:
    """``other`` laid over ``into``, objects into objects."""
    result = dict(into)
    for name, value in other.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def sign(secret: str, timestamp: str, body: str) -> str:
    """Slack's signature of a request, version 0."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()


class Socket:
    """One connection of the app."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self.ws = ws
        self.open = True


@dataclass
class Deliveries:
    """The app's connections, the request URL if one is set, and everything that was ever sent."""

    state: State
    faults: Faults
    sent: list[Delivery] = field(default_factory=list)
    request_url: str | None = None
    ack_seconds: float = ACK_SECONDS
    event_retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    sockets: list[Socket] = field(default_factory=list)
    _tickets: set[str] = field(default_factory=set)
    _waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    _turn: int = 0
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    # -- Socket Mode

    def new_ticket(self) -> str:
        """A ticket for one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return ticket

    async def link(self, request: web.Request) -> web.StreamResponse:
        """``GET /link``: a WebSocket for whoever shows an unused ticket."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets or self.faults.out(self.state.clock.now()) != "none":
            return web.Response(status=403)
        self._tickets.discard(ticket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(ws)
        self.sockets.append(socket)
        await ws.send_json(
            {
                "type": "hello",
                "num_connections": len(self.sockets),
                "connection_info": {"app_id": self.state.workspace.app_id},
                "debug_info": {"host": "applink-fake", "build_number": 1, "approximate_connection_time": 18060},
            }
        )
        self.state.changed()
        try:
            async for message in ws:
                if message.type == WSMsgType.TEXT:
                    self._acked(message.data)
        finally:
            self.sockets.remove(socket)
            self.state.changed()
        return ws

    def _acked(self, data: str) -> None:
        try:
            ack = json.loads(data)
        except json.JSONDecodeError:
            return
        future = self._waiting.pop(str(ack.get("envelope_id")), None) if isinstance(ack, dict) else None
        if future is not None and not future.done():
            future.set_result(ack)

    async def recycle(self, reason: str = "refresh_requested") -> None:
        """Slack asks to reconnect. ``warning`` only announces it; ``refresh_requested`` closes the connections."""
        for socket in list(self.sockets):
            await socket.ws.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-fake"}})
            if reason != "warning":
                socket.open = False
                await socket.ws.close()

    async def cut(self) -> None:
        """Every connection ends without a word."""
        for socket in list(self.sockets):
            socket.open = False
            await socket.ws.close(code=1001)

    # -- sending

    async def send(self, kind: Kind, payload: Json, how: Sending = ONCE) -> list[Delivery]:
        """Send a payload and await its fate; one Delivery for each time that it went out."""
        faults = self.faults.take("delivery")
        await asyncio.sleep(how.late + sum(fault.seconds for fault in faults if fault.kind == "late"))
        payload = merged(payload, how.override)
        envelope = secrets.token_hex(8)
        times = how.times + sum(fault.kind == "duplicate" for fault in faults)
        sent = [await self._send_once(kind, payload, envelope, attempt, how.signature) for attempt in range(times)]
        if kind == "events_api" and not sent[-1].acked:
            self._later(self._retry(sent[-1]))
        return sent

    async def _retry(self, first: Delivery) -> None:
        for attempt, pause in enumerate(self.event_retries, 1):
            await asyncio.sleep(pause)
            if (await self._send_once(first.kind, first.payload, first.envelope_id, attempt)).acked:
                return

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_once(
        self, kind: Kind, payload: Json, envelope: str, attempt: int, signature: Signature = "good"
    ) -> Delivery:
        delivery = Delivery(kind, payload, self.state.clock.now(), envelope, attempt)
        delivery.reason = "timeout" if attempt else ""
        self.sent.append(delivery)
        start = time.monotonic()
        if self.request_url is None:
            await self._over_socket(delivery)
        else:
            await self._over_http(delivery, signature)
        delivery.seconds = time.monotonic() - start
        self.state.changed()
        return delivery

    async def _over_socket(self, delivery: Delivery) -> None:
        sockets = [socket for socket in self.sockets if socket.open and not socket.ws.closed]
        if not sockets:
            delivery.status = "failed"
            return
        self._turn += 1
        envelope: Json = {
            "envelope_id": delivery.envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api" or delivery.attempt:
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason}
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[delivery.envelope_id] = future
        try:
            await sockets[self._turn % len(sockets)].ws.send_json(envelope)
            ack = await asyncio.wait_for(asyncio.shield(future), self.ack_seconds)
        except ConnectionError:
            delivery.status = "failed"
        except TimeoutError:
            delivery.status = "failed"
            future.add_done_callback(lambda late: self._came_late(delivery, late))
        else:
            delivery.status, delivery.answer = "acked", ack.get("payload") or {}

    def _came_late(self, delivery: Delivery, future: asyncio.Future[Json]) -> None:
        if not future.cancelled():
            delivery.status, delivery.answer = "late", future.result().get("payload") or {}
            self.state.changed()

    async def _over_http(self, delivery: Delivery, signature: Signature) -> None:
        body, content_type = _encoded(delivery)
        headers = {"Content-Type": content_type, **self._signed(body, signature)}
        if delivery.attempt:
            headers |= {"X-Slack-Retry-Num": str(delivery.attempt), "X-Slack-Retry-Reason": "http_timeout"}
        timeout = ClientTimeout(total=self.ack_seconds)
        try:
            async with (
                ClientSession(timeout=timeout) as session,
                session.post(str(self.request_url), data=body.encode(), headers=headers) as response,
            ):
                text = await response.text()
                delivery.http_status = response.status
        except (ClientError, TimeoutError):
            delivery.status = "failed"
            return
        delivery.status = "acked" if delivery.http_status == 200 else "refused"
        delivery.answer = _decoded(text)

    def _signed(self, body: str, signature: Signature) -> dict[str, str]:
        if signature == "missing":
            return {}
        timestamp = str(int(time.time()) - (600 if signature == "expired" else 0))
        secret = "not the secret" if signature == "forged" else self.state.workspace.signing_secret
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": sign(secret, timestamp, body)}

    async def close(self) -> None:
        """End everything that is still under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for future in self._waiting.values():
            future.cancel()
        for socket in list(self.sockets):
            socket.open = False
            await socket.ws.close()


def _encoded(delivery: Delivery) -> tuple[str, str]:
    match delivery.kind:
        case "interactive":
            return urlencode({"payload": json.dumps(delivery.payload)}), "application/x-www-form-urlencoded"
        case "slash_commands":
            return urlencode(delivery.payload), "application/x-www-form-urlencoded"
    return json.dumps(delivery.payload), "application/json"


def _decoded(text: str) -> Json:
    """What an app answered in the body: a JSON object, or the plain text of a slash command's answer."""
    if not text:
        return {}
    try:
        answer = json.loads(text)
    except json.JSONDecodeError:
        return {"text": text}
    return answer if isinstance(answer, dict) else {"text": text}
