"""Taking exposure away: flatten, restore, hold out. Reducing verbs at any epoch, never given up."""

from temporalio import activity

from promotion_ladder import descent
from promotion_ladder.contracts import ACTIVITY_FLATTEN, Acknowledged, FlattenOrder, HoldOutRequest, RestoreRequest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness, FlatReport, Flattened
from promotion_ladder.core.platform import HoldOutOrder, ReassignOrder
from promotion_ladder.ports import Platform
from promotion_ladder.watching import let_go_on


class SafetyActivities:
    """The way down."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @activity.defn(name=ACTIVITY_FLATTEN)
    async def flatten(self, order: FlattenOrder) -> Flattened:
        """One try to get flat: its exits are keyed by the try, so a resend exits once and a new try exits again."""
        return await descent.flatten(self._platform, order.bot, _key(order), activity.heartbeat)

    @activity.defn(name="wind_down")
    async def wind_down(self, order: FlattenOrder) -> Flattened:
        """One look at what closes in its own time."""
        return await descent.wind_down(self._platform, order.bot, _key(order))

    @activity.defn(name="reassign")
    async def reassign(self, order: FlattenOrder) -> Flattened:
        """Hand the positions to stable; a refusal is an answer (``residual``): the way down goes on without it."""
        handing = ReassignOrder(promotion_id=order.promotion_id, epoch=order.epoch, key=_key(order))
        try:
            return await descent.reassign(self._platform, order.bot, handing)
        except LadderError as error:
            if error.code is Code.PLATFORM_DOWN:
                raise
            report = FlatReport(state=Flatness.RESIDUAL, detail=error.detail[:500])
            return Flattened(
                report=report, cancelled=0, exits=0, first_cancel_seconds=0, sentence=f"not handed over: {error.detail}"
            )

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
        stable = await descent.restore(self._platform, bot, down, request.promotion_id)
        await let_go_on(self._platform, bot, request.promotion_id)
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


def _key(order: FlattenOrder) -> str:
    return f"{order.promotion_id}:{order.epoch}:{order.attempt}"
