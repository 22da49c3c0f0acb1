"""The platform contract over HTTP (docs/platform-openapi.json).

No verb is retried here: whoever calls retries with the same key, which the platform knows to be the same order.
"""

import asyncio
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from promotion_ladder.core.base import Record
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError, UnansweredError
from promotion_ladder.core.flat import Flatness, FlatReport
from promotion_ladder.core.platform import (
    BotFacts,
    ClosedTrade,
    ExitReceipt,
    Exposure,
    ExposureOrder,
    HoldOutOrder,
    LatchOrder,
    LeaseOrder,
    LeaseState,
    Order,
    Position,
    PrepareOrder,
    ReassignOrder,
    ReplayOrder,
    ReplayResult,
    RestoreOrder,
    SettleOrder,
    Telemetry,
    Variant,
)
from promotion_ladder.ports import Platform

T = TypeVar("T")

CONNECT_SECONDS = 1.0
TOTAL_SECONDS = 5.0


class _Epoch(Record):
    epoch: int


class _Cancelled(Record):
    cancelled: int


class _ReplayId(Record):
    replay_id: str


class _Known(Record):
    digest: str


class _Refusal(Record):
    code: str
    detail: str = ""
    next_step: str = ""


class HttpPlatform(Platform):
    """A platform behind ``base_url``.

    Every verb raises LadderError: ``OPS_PLATFORM_DOWN`` when no answer came in time or none that can be read (NaN,
    HTML, a missing field), otherwise the code the platform gave. It is an ``UnansweredError`` when the verb may have
    been done all the same. ``verify_flat`` answers ``unreachable`` instead of raising ``OPS_PLATFORM_DOWN``. One
    instance belongs to one event loop.
    """

    def __init__(
        self, base_url: str, *, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._total = total_seconds
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=httpx.Timeout(total_seconds, connect=connect_seconds), trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def bots(self) -> list[str]:
        """The names of all bots."""
        return await self._get(list[str], "bots", "/bots")

    async def describe(self, bot: str) -> BotFacts:
        """What the platform owns about the bot."""
        return await self._get(BotFacts, "describe", _path(bot))

    async def knows(self, bot: str, release_digest: str) -> bool:
        """Whether this release of the bot was published to the platform."""
        try:
            found = await self._get(_Known, "knows", _path(bot, "releases", release_digest))
        except LadderError as error:
            if error.code is Code.UNKNOWN_RELEASE:
                return False
            raise
        return found.digest == release_digest

    async def exposures(self) -> list[Exposure]:
        """Every variant of every bot that has capital, orders or positions."""
        return await self._get(list[Exposure], "exposures", "/exposures")

    async def acquire(self, bot: str, promotion_id: str) -> int:
        """Own the bot: the new epoch; the same promotion again gets the same epoch."""
        return (await self._post(_Epoch, "acquire", _path(bot, "acquire"), {"promotion_id": promotion_id})).epoch

    async def prepare(self, order: PrepareOrder) -> None:
        """Deploy the candidate, exposed to nothing."""
        await self._send("prepare", "POST", _path(order.release.bot, "prepare"), body=order)

    async def set_exposure(self, bot: str, order: ExposureOrder) -> list[Exposure]:
        """Share the capital out; the read-back of all variants."""
        return await self._post(list[Exposure], "set_exposure", _path(bot, "exposure"), order)

    async def renew_lease(self, bot: str, order: LeaseOrder) -> LeaseState:
        """Let the exposure stand for another ``ttl``."""
        return await self._post(LeaseState, "renew_lease", _path(bot, "lease"), order)

    async def pause_entries(self, bot: str, variant: Variant, key: str) -> None:
        """No new entries from now on; reductions go on."""
        await self._send("pause_entries", "POST", _path(bot, "pause"), body={"variant": variant, "key": key})

    async def cancel_orders(self, bot: str, variant: Variant, key: str) -> int:
        """Cancel every open order that does not reduce; how many."""
        body = {"variant": variant, "key": key}
        return (await self._post(_Cancelled, "cancel_orders", _path(bot, "cancel"), body)).cancelled

    async def exit_position(self, bot: str, variant: Variant, instrument: str, key: str) -> ExitReceipt:
        """Close one position at market; a repeated key sends no second order."""
        body = {"variant": variant, "instrument": instrument, "key": key}
        return await self._post(ExitReceipt, "exit_position", _path(bot, "exit"), body)

    async def positions(self, bot: str, variant: Variant) -> list[Position]:
        """What the bot believes it holds."""
        return await self._get(list[Position], "positions", _path(bot, "positions"), variant=variant)

    async def orders(self, bot: str, variant: Variant, since: datetime) -> list[Order]:
        """Orders since then, oldest first."""
        asked = {"variant": variant, "since": since.isoformat()}
        return await self._get(list[Order], "orders", _path(bot, "orders"), **asked)

    async def trades(self, bot: str, variant: Variant, since: datetime) -> list[ClosedTrade]:
        """Trades closed since then, oldest first."""
        asked = {"variant": variant, "since": since.isoformat()}
        return await self._get(list[ClosedTrade], "trades", _path(bot, "trades"), **asked)

    async def telemetry(self, bot: str, variant: Variant) -> Telemetry:
        """How the variant stands now."""
        return await self._get(Telemetry, "telemetry", _path(bot, "telemetry"), variant=variant)

    async def verify_flat(self, bot: str, variant: Variant) -> FlatReport:
        """Whether bot and venue agree that nothing is left; ``unreachable`` when the platform does not answer."""
        try:
            return await self._get(FlatReport, "verify_flat", _path(bot, "flat"), variant=variant)
        except LadderError as error:
            if error.code is not Code.PLATFORM_DOWN:
                raise
            return FlatReport(state=Flatness.UNREACHABLE, detail=error.detail)

    async def restore(self, bot: str, order: RestoreOrder) -> list[Exposure]:
        """Candidate and baseline leave, stable has the whole; the read-back."""
        return await self._post(list[Exposure], "restore", _path(bot, "restore"), order)

    async def reassign(self, bot: str, order: ReassignOrder) -> list[Position]:
        """Candidate and baseline hand what they hold to stable; what stable holds then."""
        return await self._post(list[Position], "reassign", _path(bot, "reassign"), order)

    async def settle(self, bot: str, order: SettleOrder) -> BotFacts:
        """The candidate is stable from now on; the read-back."""
        return await self._post(BotFacts, "settle", _path(bot, "settle"), order)

    async def latch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Set the mark against new exposure; the read-back."""
        return await self._post(BotFacts, "latch", _path(bot, "latch"), order)

    async def unlatch(self, bot: str, order: LatchOrder) -> BotFacts:
        """Lift the mark; the read-back."""
        return await self._post(BotFacts, "unlatch", _path(bot, "unlatch"), order)

    async def hold_out(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Hold a refused release out; the read-back."""
        return await self._post(BotFacts, "hold_out", _path(bot, "hold-out"), order)

    async def lift(self, bot: str, order: HoldOutOrder) -> BotFacts:
        """Let a held-out release climb again; the read-back."""
        return await self._post(BotFacts, "lift", _path(bot, "lift"), order)

    async def start_replay(self, bot: str, order: ReplayOrder) -> str:
        """Start a replay over recorded data; its id."""
        return (await self._post(_ReplayId, "start_replay", _path(bot, "replays"), order)).replay_id

    async def replay_result(self, bot: str, replay_id: str) -> ReplayResult:
        """What a replay found so far."""
        return await self._get(ReplayResult, "replay_result", _path(bot, "replays", replay_id))

    async def _get(self, kind: type[T], verb: str, path: str, **asked: str) -> T:
        return _read(kind, verb, path, await self._send(verb, "GET", path, asked=asked))

    async def _post(self, kind: type[T], verb: str, path: str, body: BaseModel | dict[str, Any]) -> T:
        return _read(kind, verb, path, await self._send(verb, "POST", path, body=body))

    async def _send(
        self,
        verb: str,
        method: str,
        path: str,
        *,
        asked: dict[str, str] | None = None,
        body: BaseModel | dict[str, Any] | None = None,
    ) -> bytes:
        """One attempt within the deadline; the body of a good answer."""
        content = body.model_dump(mode="json") if isinstance(body, BaseModel) else body
        try:
            # httpx bounds each read, so a server that sends a byte now and then would never time out without this.
            async with asyncio.timeout(self._total):
                answer = await self._client.request(method, path, params=asked, json=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:  # nothing was sent
            silence = _silence(verb, path, f"no answer ({type(error).__name__})")
            raise LadderError(Code.PLATFORM_DOWN, silence) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise _down(verb, path, f"no answer ({type(error).__name__})") from error
        if answer.is_success:
            return answer.content
        raise _refused(verb, path, answer)


def _path(bot: str, *more: str) -> str:
    return "/bots/" + "/".join(quote(part, safe="") for part in (bot, *more))


def _read(kind: type[T], verb: str, path: str, content: bytes) -> T:
    try:
        return TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise _down(verb, path, f"an answer that cannot be read ({where}: {first['msg']})") from error


def _refused(verb: str, path: str, answer: httpx.Response) -> LadderError:
    """The refusal the platform stated, if it did in words we know; otherwise it counts as down."""
    try:
        said = _Refusal.model_validate_json(answer.content)
    except ValueError:
        return _down(verb, path, f"status {answer.status_code} without a reason")
    code = next((each for each in Code if each == said.code), None)
    if code is None:
        return _down(verb, path, f"status {answer.status_code} with the unknown reason '{said.code}': {said.detail}")
    return LadderError(code, said.detail, said.next_step)


def _down(verb: str, path: str, why: str) -> LadderError:
    return UnansweredError(Code.PLATFORM_DOWN, _silence(verb, path, why))


def _silence(verb: str, path: str, why: str) -> str:
    bot = path.removeprefix("/bots/").split("/")[0] if path.startswith("/bots/") else ""
    whom = f" for {bot}" if bot else ""
    return f"{verb}{whom}: {why}"
