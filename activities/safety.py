"""Taking exposure away: pause, cancel, exit, verify; restore; hold out. Reducing verbs at any epoch, never given up.

Pause and cancel go out first and together, before anything is read: they are one hop from the decision.
"""

import asyncio
import time
from collections.abc import Sequence

from temporalio import activity

from promotion_ladder.contracts import Acknowledged, Flattened, FlattenOrder, HoldOutRequest, RestoreRequest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import (
    Flatness,
    FlatReport,
    HoldOutOrder,
    Position,
    Residue,
    RestoreOrder,
    Variant,
)
from promotion_ladder.ports import Platform

EXPOSED = (Variant.CANDIDATE, Variant.BASELINE)
READ_BACK_SECONDS = 3.0
READ_BACK_EVERY = 0.05
_WORST_LAST = (Flatness.FLAT, Flatness.FLAT_UNVERIFIED, Flatness.RESIDUAL, Flatness.UNREACHABLE)


class SafetyActivities:
    """The way down."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @activity.defn(name="flatten")
    async def flatten(self, order: FlattenOrder) -> Flattened:
        """One try to get flat: its exits are keyed by the try, so a resend exits once and a new try exits again.

        Raises only when the platform does not say what is held; whatever else fails leaves the rest alone and is told.
        """
        began = time.monotonic()
        key = f"{order.promotion_id}:{order.epoch}:{order.attempt}"
        answers = await asyncio.gather(
            *(self._pause_and_cancel(order.bot, v, key) for v in EXPOSED), return_exceptions=True
        )
        cancelled = sum(answer for answer in answers if isinstance(answer, int))
        refused = [f"pause or cancel: {answer}" for answer in answers if isinstance(answer, BaseException)]
        first_cancel = time.monotonic() - began
        held = [
            p for ps in await asyncio.gather(*(self._platform.positions(order.bot, v) for v in EXPOSED)) for p in ps
        ]
        errors = [e for e in await asyncio.gather(*(self._exit(order.bot, p, key) for p in held)) if e is not None]
        report = await self._read_back(order.bot, errors)
        if refused and not report.is_flat:
            report = report.model_copy(update={"detail": "; ".join([report.detail, *refused]).strip("; ")[:1000]})
        sentence = f"{order.bot} is {report.state}; exits sent: {len(held)}, orders cancelled: {cancelled}"
        if report.detail:
            sentence += f": {report.detail}"
        return Flattened(
            report=report, cancelled=cancelled, exits=len(held), first_cancel_seconds=first_cancel, sentence=sentence
        )

    async def _pause_and_cancel(self, bot: str, variant: Variant, key: str) -> int:
        await self._platform.pause_entries(bot, variant, f"{key}:pause:{variant}")
        return await self._platform.cancel_orders(bot, variant, f"{key}:cancel:{variant}")

    async def _exit(self, bot: str, position: Position, key: str) -> Residue | None:
        """Exit one position; what went wrong, if anything."""
        try:
            await self._platform.exit_position(
                bot, position.variant, position.instrument, f"{key}:exit:{position.variant}.{position.instrument}"
            )
        except LadderError as error:
            return Residue(
                instrument=position.instrument, at_bot=position.quantity, at_venue=None, error=error.detail[:300]
            )
        return None

    async def _read_back(self, bot: str, errors: Sequence[Residue]) -> FlatReport:
        """Ask bot and venue until both say flat, for a few seconds."""
        deadline = time.monotonic() + READ_BACK_SECONDS
        while True:
            report = _worst(await asyncio.gather(*(self._verify(bot, variant) for variant in EXPOSED)))
            if report.is_flat or time.monotonic() > deadline:
                break
            activity.heartbeat()
            await asyncio.sleep(READ_BACK_EVERY)
        if errors and not report.is_flat:
            detail = "; ".join(f"{residue.instrument}: {residue.error}" for residue in errors)
            return report.model_copy(update={"detail": f"{report.detail} {detail}".strip()})
        return report

    async def _verify(self, bot: str, variant: Variant) -> FlatReport:
        try:
            return await self._platform.verify_flat(bot, variant)
        except LadderError as error:
            return FlatReport(state=Flatness.UNREACHABLE, detail=error.detail[:300])

    @activity.defn(name="restore")
    async def restore(self, request: RestoreRequest) -> Acknowledged:
        """Give stable the whole again, under a new epoch that fences late effects of the way up off.

        Raises ``OPS_STALE_EPOCH`` when another promotion owns the bot, ``RISK_NOT_FLAT`` when something was exposed
        since it was flat, ``GOV_ALREADY_STABLE`` when the release had settled; none is helped by trying this again.
        """
        bot, down = request.bot, f"{request.promotion_id}#down"
        facts = await self._platform.describe(bot)
        if facts.promotion_id not in (request.promotion_id, down):
            raise LadderError(Code.STALE_EPOCH, f"{facts.promotion_id} owns {bot} by now")
        if facts.stable.digest == request.digest:
            raise LadderError(Code.ALREADY_STABLE, f"{facts.stable} had become stable before the stop took effect")
        epoch = await self._platform.acquire(bot, down)
        report = _worst(await asyncio.gather(*(self._platform.verify_flat(bot, variant) for variant in EXPOSED)))
        if report.state is Flatness.UNREACHABLE:
            raise LadderError(Code.PLATFORM_DOWN, report.detail)
        if not report.is_flat:
            raise LadderError(Code.NOT_FLAT, f"{bot} is {report.state} again: {report.detail}")
        try:
            left = await self._platform.restore(
                bot, RestoreOrder(promotion_id=down, epoch=epoch, key=f"{request.promotion_id}:{epoch}:restore")
            )
        except LadderError as error:
            if error.code is Code.PLATFORM_REFUSED:  # something was filled since: flatten again
                raise LadderError(Code.NOT_FLAT, error.detail) from None
            raise
        stable = next((e for e in left if e.bot == bot and e.variant is Variant.STABLE), None)
        if stable is None:
            raise LadderError(Code.PLATFORM_DOWN, f"{bot} shows no stable release after it was restored")
        return Acknowledged(sentence=f"stable {stable.release} runs {bot} with {stable.capital}")

    @activity.defn(name="hold_out")
    async def hold_out(self, request: HoldOutRequest) -> Acknowledged:
        """Keep the refused release from climbing again until a person lifts it."""
        await self._platform.hold_out(
            request.bot,
            HoldOutOrder(
                digest=request.release.digest, version=request.release.version, reason=request.reason[:500],
                by=request.by, key=f"{request.promotion_id}:hold_out",
            ),
        )  # fmt: skip
        return Acknowledged(sentence=f"{request.release} is held out on {request.bot}: {request.reason}")


def _worst(reports: Sequence[FlatReport]) -> FlatReport:
    """One report for several variants: the worst state, everything that is left."""
    worst = max(reports, key=lambda report: _WORST_LAST.index(report.state))
    residues = tuple(residue for report in reports for residue in report.residues)
    return worst.model_copy(update={"residues": residues})
