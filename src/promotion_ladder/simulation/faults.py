"""Faults to order: late answers, broken answers, lost answers, a venue that is down or refuses."""

import asyncio
import json
import re
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promotion_ladder.core.base import Number, Spec
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.simulation import book
from promotion_ladder.simulation.world import World


class FaultKind(StrEnum):
    """What can be made to go wrong."""

    LATENCY = "latency"
    """The verb is done ``seconds`` late."""
    ERROR500 = "error500"
    """The verb is not done; an HTML page with status 500 comes back."""
    REFUSE = "refuse"
    """The verb is not done; refused with 409 ``OPS_PLATFORM_REFUSED``."""
    LOST_RESPONSE = "lost_response"
    """The verb is done, but the connection breaks before the answer arrives."""
    REFUSE_EXIT = "refuse_exit"
    """The venue rejects exits (of ``exit_position``; with verb ``tick`` or ``*`` also scheduled ones)."""
    PARTIAL_EXIT = "partial_exit"
    """Half of an exit fills."""
    VENUE_DOWN = "venue_down"
    """The venue does not answer: no fills, exits or cancels; flat cannot be verified."""
    VENUE_MANUAL_TRADE = "venue_manual_trade"
    """Somebody trades by hand at the venue: its net changes by ``quantity``, no bot knows. At once, and for good."""
    HOLD_ON = "hold_on"
    """Scheduled exits do not happen: positions stay until somebody exits them."""
    NO_FILL = "no_fill"
    """Resting orders do not fill: they stay until somebody cancels them."""
    HEARTBEAT_STOP = "heartbeat_stop"
    """Heartbeats stop, trading goes on."""
    DATA_STOP = "data_stop"
    """The time of market data stops advancing, trading goes on."""
    POOL_OVERLOADED = "pool_overloaded"
    """The bot's metrics say that its pool of workers has too much to do."""
    NO_WORKERS = "no_workers"
    """They say that the pool has no worker."""


_LASTING = (
    FaultKind.VENUE_DOWN,
    FaultKind.HOLD_ON,
    FaultKind.NO_FILL,
    FaultKind.HEARTBEAT_STOP,
    FaultKind.DATA_STOP,
    FaultKind.POOL_OVERLOADED,
    FaultKind.NO_WORKERS,
)
OVERLOADS = (FaultKind.POOL_OVERLOADED, FaultKind.NO_WORKERS)
"""Told as codes of overload while they stand."""


class Fault(Spec):
    """One order for a fault."""

    kind: FaultKind
    bot: str = "*"
    verb: str = "*"
    """A verb of the port, for instance ``set_exposure``; ``metrics`` is the scrape."""
    count: int | None = Field(default=None, ge=1)
    """How often it strikes; None until faults are cleared."""
    seconds: float = Field(default=0, ge=0)
    instrument: str = ""
    """Of a manual trade; the one market a ``data_stop`` strikes, all if empty."""
    quantity: Number = Decimal(0)
    """Of a manual trade, signed."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is FaultKind.VENUE_MANUAL_TRADE and (self.bot == "*" or not self.instrument or not self.quantity):
            raise ValueError("a manual trade needs bot, instrument and quantity")
        if self.kind in _LASTING and self.count is not None:
            raise ValueError(f"{self.kind} lasts until it is cleared: leave out the count")
        return self


def inject(world: World, fault: Fault) -> None:
    """Let a fault stand; a manual trade happens now."""
    with world.transaction():
        if fault.kind is FaultKind.VENUE_MANUAL_TRADE:
            book.move_venue(world, world.bot(fault.bot)["account"], fault.instrument, fault.quantity)
            world.effect("venue_manual_trade", fault.bot, instrument=fault.instrument, quantity=fault.quantity)
            return
        world.run(
            "INSERT INTO faults (bot, verb, kind, turns, seconds, instrument) VALUES (?, ?, ?, ?, ?, ?)",
            fault.bot,
            fault.verb,
            fault.kind,
            fault.count,
            fault.seconds,
            fault.instrument,
        )
        world.faults_changed()


def clear(world: World, kind: str = "") -> int:
    """Clear every standing fault, or those of one kind; how many."""
    with world.transaction():
        standing = int(world.value("SELECT count(*) FROM faults WHERE ? IN ('', kind)", kind))
        world.run("DELETE FROM faults WHERE ? IN ('', kind)", kind)
        world.faults_changed()
        return standing


_PATH = re.compile(r"^/bots/(?P<bot>[^/]+)(?:/(?P<what>[^/]+)(?P<more>/.*)?)?$")
_VERBS = {
    "exposure": "set_exposure",
    "lease": "renew_lease",
    "pause": "pause_entries",
    "cancel": "cancel_orders",
    "exit": "exit_position",
    "flat": "verify_flat",
    "hold-out": "hold_out",
    "releases": "knows",
}


def addressed(path: str) -> tuple[str, str] | None:
    """Bot and verb (as the port names it) that a path stands for; None when faults leave it alone."""
    if path in ("/bots", "/exposures", "/metrics"):
        return "*", path[1:]
    match = _PATH.match(path)
    if match is None:
        return None
    what = match["what"]
    if what is None:
        return match["bot"], "describe"
    if what == "replays":
        return match["bot"], "replay_result" if match["more"] else "start_replay"
    return match["bot"], _VERBS.get(what, what)


class FaultMiddleware:
    """Strikes before or after the verb, as ordered."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or fail it."""
        target = addressed(scope["path"]) if scope["type"] == "http" else None
        if target is None:
            await self._app(scope, receive, send)
            return
        late = self._take(target, FaultKind.LATENCY)
        if late:
            await asyncio.sleep(late)
        if self._take(target, FaultKind.ERROR500) is not None:
            await _answer(send, 500, b"text/html", b"<html><body><h1>Internal Server Error</h1></body></html>")
        elif self._take(target, FaultKind.REFUSE) is not None:
            error = LadderError(Code.PLATFORM_REFUSED, f"{target[0]}: {target[1]} refused, as ordered")
            body = {"code": error.code, "detail": error.detail, "next_step": error.next_step}
            await _answer(send, 409, b"application/json", json.dumps(body).encode())
        elif self._take(target, FaultKind.LOST_RESPONSE) is not None:
            await self._app(scope, receive, _swallow)
            # A body that is promised and never comes makes the server break the connection.
            headers = [(b"content-type", b"application/json"), (b"content-length", b"64")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        else:
            await self._app(scope, receive, send)

    def _take(self, target: tuple[str, str], kind: FaultKind) -> float | None:
        found = self._world.take_fault(*target, kind)
        return None if found is None else float(found["seconds"])


async def _swallow(_: Message) -> None:
    """Let an answer vanish."""


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
