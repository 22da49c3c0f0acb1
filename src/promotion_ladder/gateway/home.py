"""App Home: everything that waits for the person who looks."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from slack_bolt.async_app import AsyncApp

from promotion_ladder.adapters.slack.blocks import Block, marked
from promotion_ladder.adapters.slack.text import escaped, left, when
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.pending import WAITS_FOR_PEOPLE, pending
from promotion_ladder.core.people import Verb
from promotion_ladder.core.rules import approver_refusal
from promotion_ladder.core.state import Phase, PromotionState
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.ports import Groups

_LOG = logging.getLogger(__name__)
AT_ONCE = 20
MOST = 30
"""Promotions shown: a view holds a hundred blocks."""


class Home:
    """The listener of ``app_home_opened``."""

    def __init__(self, deeds: Deeds, web: SlackWeb, groups: Groups) -> None:
        self._deeds = deeds
        self._web = web
        self._groups = groups

    def listen(self, app: AsyncApp) -> None:
        """Register with Bolt."""
        app.event("app_home_opened")(self.opened)

    async def opened(self, event: dict[str, Any]) -> None:
        """Show what waits for this person; what cannot be asked is said."""
        user = str(event["user"])
        try:
            blocks = await self.blocks(user)
        except LadderError as error:
            blocks = [_said(f"{escaped(error.detail)}\n{escaped(error.next_step)}")]
        try:
            await self._web.call("views.publish", user_id=user, view={"type": "home", "blocks": blocks})
        except SlackError as error:
            _LOG.warning("no home for %s: %s", user, error.detail)

    async def blocks(self, user: str) -> list[Block]:
        """The view's blocks."""
        lines = [line async for line in self._deeds.ladder.list()]
        states = await self._states([line.bot for line in lines if line.status in WAITS_FOR_PEOPLE])
        member_of = await self._member_of(user)
        mine = [state for state in states if self._waits_for(state, user, member_of)]
        mine.sort(key=lambda state: state.window.deadline if state.window else datetime.max.replace(tzinfo=UTC))
        blocks: list[Block] = [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": "Waits for you" if mine else "Nothing waits for you"},
            }
        ]
        for state in mine[:MOST]:
            blocks += [_said(await self._line(state)), {"type": "divider"}]
        if len(mine) > MOST:
            blocks.append(_said(f"and {len(mine) - MOST} more: /ladder list"))
        others = len(lines) - len(mine)
        more = f"{others} {'more ' if mine else ''}on the ladders: /ladder list"
        return [*blocks, _said(more if others else "Nothing else is on the ladders.")]

    async def _states(self, bots: list[str]) -> list[PromotionState]:
        """The states of those that answer, a few at a time."""
        found: list[PromotionState] = []
        for few in (bots[at : at + AT_ONCE] for at in range(0, len(bots), AT_ONCE)):
            answers = await asyncio.gather(*(self._deeds.ladder.state(bot) for bot in few), return_exceptions=True)
            found += [answer for answer in answers if isinstance(answer, PromotionState)]
        return found

    async def _member_of(self, user: str) -> frozenset[str] | None:
        try:
            return await self._groups.member_of(user, tuple(self._deeds.ladder.directory.people().groups))
        except LadderError:
            return None

    def _waits_for(self, state: PromotionState, user: str, member_of: frozenset[str] | None) -> bool:
        person = self._deeds.ladder.acting_for(user)
        match state.phase:
            case Phase.AWAITING_APPROVAL:
                ruling = person.ruling(Verb.APPROVE, member_of)
                return approver_refusal(state, ruling, "a reason") is None
            case Phase.VETO_WINDOW:
                return person.ruling(Verb.VETO, member_of).allowed
            case Phase.ON_HOLD:
                return person.ruling(Verb.RESUME, member_of).allowed
            case _:
                return False

    async def _line(self, state: PromotionState) -> str:
        waiting = pending(state)
        until = ""
        if waiting.deadline is not None:
            until = f"\nuntil {when(waiting.deadline)}, {left(waiting.deadline, datetime.now(UTC))} left; "
            until += f"silence: {waiting.on_silence}"
        name = f"*{escaped(state.release.bot)} {escaped(state.release.version)}* at {escaped(state.stage_name)}"
        link = await self._link(state.promotion_id)
        return f"{name}: {escaped(waiting.sentence)}{until}" + (f"\n<{link}|Open the message>" if link else "")

    async def _link(self, promotion_id: str) -> str:
        try:
            root = await self._deeds.book.post(f"{promotion_id}#root")
            if root is None or root.ts is None:
                return ""
            found = await self._web.call("chat.getPermalink", query=True, channel=root.channel, message_ts=root.ts)
        except LadderError:
            return ""
        return str(found.get("permalink") or "")


def _said(text: str) -> Block:
    return {"type": "section", "text": marked(text)}
