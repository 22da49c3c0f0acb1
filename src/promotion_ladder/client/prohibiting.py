"""Prohibitions: stored by the server even when no worker lives, believed first, never in need of an answer."""

import asyncio
import contextlib
from datetime import timedelta

from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from promotion_ladder import contracts
from promotion_ladder.client.looking import Looking
from promotion_ladder.connection import from_rpc, is_full
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Command, Receipt, Ruled

RULING_PATIENCE = 3.0
"""Seconds a prohibition waits for its ruling; it stands whether or not somebody answers."""
FULL_PATIENCE = 15.0
"""Seconds to wait for a run that has taken as many signals as the server keeps: a worker renews it in a few."""
AGAIN = 0.3


class Prohibiting(Looking):
    """Veto, hold, roll back."""

    async def veto(self, bot: str, reason: str) -> Receipt:
        """Stop the promotion for good."""
        return await self._prohibit(bot, Verb.VETO, reason)

    async def hold(self, bot: str, reason: str = "") -> Receipt:
        """Stand still, exposure unchanged."""
        return await self._prohibit(bot, Verb.HOLD, reason)

    async def rollback(self, bot: str, reason: str) -> Receipt:
        """Come down: flatten, restore stable, hold the release out."""
        return await self._prohibit(bot, Verb.ROLLBACK, reason)

    async def rollback_all(self, reason: str) -> dict[str, Receipt]:
        """Roll every running promotion back: the answer by bot. One that cannot be reached leaves the others alone."""
        bots = {line.bot async for line in self.list()}
        with contextlib.suppress(LadderError):  # the list lags behind by a second or so; the platform knows every bot
            bots.update(await self.platform.bots())
        answers = await asyncio.gather(*(self._rolled_back(bot, reason) for bot in sorted(bots)))
        return {bot: answer for bot, answer in zip(sorted(bots), answers, strict=True) if answer is not None}

    async def _rolled_back(self, bot: str, reason: str) -> Receipt | None:
        """What became of one of many; None if nothing of it runs."""
        try:
            return await self.rollback(bot, reason)
        except LadderError as error:
            if error.code is Code.NO_SUCH_PROMOTION:
                return None
            return Receipt(accepted=False, code=error.code, sentence=error.detail)

    async def _prohibit(self, bot: str, verb: Verb, reason: str) -> Receipt:
        """Send a prohibition, which is stored even when no worker lives, and wait a little for the ruling on it.

        Raises LadderError when it was refused. Without an answer in time it stands as sent.
        """
        if not await self.running(bot):
            raise LadderError(Code.NO_SUCH_PROMOTION, f"no promotion of {bot} is running")
        promotion_id = (await self._memo(bot)).get(contracts.MEMO_PROMOTION, "")
        return await self._sent(bot, self.command(verb, promotion_id, reason))

    async def _prohibited(self, bot: str, command: Command) -> Receipt:
        """As :meth:`_prohibit`, with a message that was made for one promotion."""
        if not await self.running(bot):
            raise LadderError(Code.NO_SUCH_PROMOTION, f"{command.promotion_id} has ended")
        return await self._sent(bot, command)

    async def _sent(self, bot: str, command: Command) -> Receipt:
        await self._signal(bot, command)
        receipt = await self.ruled(bot, command.message_id)
        if receipt is None:
            return Receipt(
                accepted=True,
                code=Code.NOT_RULED_YET,
                sentence=f"{command.verb} sent to {command.promotion_id}, not ruled on yet",
            )
        if not receipt.accepted:
            raise LadderError(receipt.code, receipt.sentence)
        return receipt

    async def ruled(self, bot: str, message_id: str, patience: float = RULING_PATIENCE) -> Receipt | None:
        """What became of a message; None if nobody says so within ``patience`` seconds."""
        handle = await self.handle(bot)
        deadline = asyncio.get_running_loop().time() + patience
        while asyncio.get_running_loop().time() < deadline:
            try:
                ruled: Ruled = await handle.query(
                    "ruled", message_id, result_type=Ruled, rpc_timeout=timedelta(seconds=1)
                )
            except (RPCError, WorkflowQueryFailedError):
                ruled = Ruled()
            if ruled.receipt is not None:
                return ruled.receipt
            await asyncio.sleep(0.2)
        return None

    async def _signal(self, bot: str, command: Command) -> None:
        handle = await self.handle(bot)
        deadline = asyncio.get_running_loop().time() + FULL_PATIENCE
        while True:
            try:
                await handle.signal(str(command.verb), command)
            except RPCError as error:
                if not is_full(error) or asyncio.get_running_loop().time() > deadline:
                    raise from_rpc(error, bot) from None
                await asyncio.sleep(AGAIN)
            else:
                return
