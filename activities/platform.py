"""State changes at the platform on the way up: acquire, enter a stage, settle. Fenced by epoch, keyed, read back."""

from datetime import UTC, datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from promotion_ladder.contracts import Acknowledged, Acquired, ClearRequest, Entered, SettleRequest, StageOrder
from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import ExposureOrder, Mode, PrepareOrder, RestoreOrder, SettleOrder, Variant
from promotion_ladder.core.state import StartOrder
from promotion_ladder.ports import Platform


class PlatformActivities:
    """The way up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @activity.defn(name="acquire")
    async def acquire(self, order: StartOrder) -> Acquired:
        """Own the bot from now on; tells whether an earlier climb left something exposed."""
        bot = order.release.bot
        epoch = await self._platform.acquire(bot, order.promotion_id)
        leftover = any(
            exposure.bot == bot and exposure.variant is not Variant.STABLE
            for exposure in await self._platform.exposures()
        )
        return Acquired(epoch=epoch, leftover=leftover)

    @activity.defn(name="clear")
    async def clear(self, request: ClearRequest) -> Acknowledged:
        """Let what an earlier climb left go and give stable the whole, before anything new is deployed."""
        order = RestoreOrder(
            promotion_id=request.promotion_id, epoch=request.epoch, key=f"{request.promotion_id}:{request.epoch}:clear"
        )
        await self._platform.restore(request.bot, order)
        return Acknowledged(sentence=f"stable has the whole of {request.bot} again")

    @activity.defn(name="enter")
    async def enter(self, order: StageOrder) -> Entered:
        """Deploy the candidate and give it the stage's share; raises when the read-back says otherwise."""
        stage = order.stage
        key = f"{order.promotion_id}:{order.epoch}:{stage.name}.{order.attempt}"
        await self._platform.prepare(
            PrepareOrder(
                promotion_id=order.promotion_id, epoch=order.epoch, release=order.release, stage=stage.name,
                mode=stage.mode, overrides=stage.overrides, ladder_hash=order.ladder_hash, key=f"{key}:prepare",
            )
        )  # fmt: skip
        if stage.mode is Mode.REPLAY:
            return Entered(at=datetime.now(UTC), sentence=f"entered {stage.name}: {stage.mode} over recorded data")
        return await self._expose(order, f"{key}:expose")

    @activity.defn(name="reopen")
    async def reopen(self, order: StageOrder) -> Entered:
        """Give the stage's exposure anew after entries were paused; raises when the read-back says otherwise."""
        key = f"{order.promotion_id}:{order.epoch}:{order.stage.name}.{order.attempt}.{order.entry}:expose"
        return await self._expose(order, key)

    async def _expose(self, order: StageOrder, key: str) -> Entered:
        stage, bot = order.stage, order.release.bot
        shares = split(order.capital, stage)
        await self._platform.set_exposure(
            bot,
            ExposureOrder(
                promotion_id=order.promotion_id, epoch=order.epoch, stage=stage.name, mode=stage.mode,
                candidate=shares.candidate, baseline=shares.baseline, stable=shares.stable, limits=stage.limits,
                lease=stage.lease if stage.mode.touches_money else None, key=key,
            ),
        )  # fmt: skip
        telemetry = await self._platform.telemetry(bot, Variant.CANDIDATE)
        if telemetry.mode is not stage.mode or (stage.mode.touches_money and telemetry.capital != shares.candidate):
            raise LadderError(
                Code.PLATFORM_REFUSED,
                f"{bot} was to run {stage.mode} with {shares.candidate}, "
                f"the read-back says {telemetry.mode} with {telemetry.capital}",
            )
        money = f" with {shares.candidate} of {order.capital}" if stage.mode.touches_money else ", nothing exposed"
        return Entered(at=telemetry.at, sentence=f"entered {stage.name}: {stage.mode}{money}")

    @activity.defn(name="settle")
    async def settle(self, request: SettleRequest) -> Acknowledged:
        """Make the candidate stable; raises when the read-back says otherwise.

        A platform refuses while the old stable still closes its positions, so a refusal is tried again.
        """
        order = SettleOrder(
            promotion_id=request.promotion_id, epoch=request.epoch, release=request.release,
            expected_stable=request.expected_stable, key=f"{request.promotion_id}:{request.epoch}:settle",
        )  # fmt: skip
        try:
            facts = await self._platform.settle(request.bot, order)
        except LadderError as error:
            if error.code is Code.PLATFORM_REFUSED:
                raise ApplicationError(error.detail, type=error.code) from None
            raise
        if facts.stable.digest != request.release.digest:
            raise LadderError(Code.PLATFORM_REFUSED, f"{request.bot} still names {facts.stable} as stable")
        return Acknowledged(sentence=f"{request.release.version} is stable on {request.bot}")
