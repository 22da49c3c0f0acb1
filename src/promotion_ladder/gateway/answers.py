"""Private answers: to one person, where they clicked or typed; and whose clicks are heard at all."""

import asyncio
import logging
from typing import Any

from promotion_ladder.adapters.slack.blocks import Block, marked
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.text import escaped
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.gateway.deeds import Deed

_LOG = logging.getLogger(__name__)


class Answers:
    """What only the person who acted sees."""

    def __init__(self, web: SlackWeb, desk: SlackDesk) -> None:
        self._web = web
        self._desk = desk
        self._beside = set[asyncio.Task[None]]()

    def belongs(self, body: dict[str, Any]) -> None:
        """Raise ``GOV_WRONG_WORKSPACE`` unless both the app's installation and the person are of our workspace."""
        team = (body.get("team") or {}).get("id") or body.get("team_id")
        persons = (body.get("user") or {}).get("team_id") or team if isinstance(body.get("user"), dict) else team
        if team != self._desk.team or persons != self._desk.team:
            raise LadderError(
                Code.WRONG_WORKSPACE, f"it came from workspace {persons if team == self._desk.team else team}"
            )

    async def refusal(self, deed: Deed, error: LadderError, word: str = "") -> None:
        """Why not, and what to do next."""
        await self.privately(deed, f"{word or deed.verb} refused: {error.detail} ({error.code})\n{error.next_step}")

    async def privately(self, deed: Deed, text: str) -> None:
        """Tell the person alone: in the channel where they acted, else directly. That it fails stops nothing."""
        lines = "\n".join(escaped(line, 900) for line in text.splitlines())
        await self.show(deed, [{"type": "section", "text": marked(lines)}], text)

    def beside(self, deed: Deed, text: str) -> None:
        """As :meth:`privately`, while something goes on that must not wait for Slack."""
        telling = asyncio.create_task(self.privately(deed, text))
        self._beside.add(telling)
        telling.add_done_callback(self._beside.discard)

    async def show(self, deed: Deed, blocks: list[Block], text: str = "the answer") -> None:
        """As :meth:`privately`, with blocks."""
        said: dict[str, Any] = {"text": escaped(text, 280), "blocks": blocks}
        try:
            await self._web.call(
                "chat.postEphemeral", channel=deed.place[0] or self._desk.channel, user=deed.user, **said
            )
        except SlackError as error:
            if not error.word:
                _LOG.warning("%s was not told: %s", deed.user, text)
                return
            await self._directly(deed, said)

    async def _directly(self, deed: Deed, said: dict[str, Any]) -> None:
        try:
            opened = await self._web.call("conversations.open", users=deed.user)
            await self._web.call("chat.postMessage", channel=opened["channel"]["id"], **said)
        except SlackError as error:
            _LOG.warning("%s was not told: %s (%s)", deed.user, said["text"], error.detail)
