"""Private answers: to one person, where they clicked or typed; and whose clicks are heard at all."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Protocol

from promotion_ladder.adapters.slack.blocks import Block, marked
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.text import escaped
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

_LOG = logging.getLogger(__name__)


class Person(Protocol):
    """Who is answered, and where they acted."""

    @property
    def user(self) -> str:
        """Their Slack id."""

    @property
    def place(self) -> tuple[str, str]:
        """Channel and id of the message."""


@dataclass(frozen=True)
class Asker:
    """A person who only asks."""

    user: str
    place: tuple[str, str]


class Answers:
    """What only the person who acted sees."""

    def __init__(self, web: SlackWeb, desk: SlackDesk) -> None:
        self._web = web
        self._desk = desk
        self._beside = set[asyncio.Task[None]]()

    def belongs(self, body: dict[str, Any]) -> None:
        """Raise ``GOV_WRONG_WORKSPACE`` unless both the app's installation and the person are of our workspace."""
        person = body.get("user")
        teams = {(body.get("team") or {}).get("id") or body.get("team_id")}
        if isinstance(person, dict) and person.get("team_id"):
            teams.add(person["team_id"])
        foreign = teams - {self._desk.team}
        if foreign:
            raise LadderError(Code.WRONG_WORKSPACE, f"it came from workspace {foreign.pop()}")

    async def refusal(self, person: Person, what: str, error: LadderError) -> None:
        """Why not, and what to do next."""
        await self.privately(person, f"{what} refused: {error.detail} ({error.code})\n{error.next_step}")

    async def privately(self, person: Person, text: str) -> None:
        """Tell the person alone: in the channel where they acted, else directly. That it fails stops nothing."""
        lines = "\n".join(escaped(line, 900) for line in text.splitlines())
        await self.show(person, [{"type": "section", "text": marked(lines)}], text)

    def beside(self, person: Person, text: str) -> None:
        """As :meth:`privately`, while something goes on that must not wait for Slack."""
        telling = asyncio.create_task(self.privately(person, text))
        self._beside.add(telling)
        telling.add_done_callback(self._beside.discard)

    async def show(self, person: Person, blocks: list[Block], text: str = "the answer") -> None:
        """As :meth:`privately`, with blocks."""
        said: dict[str, Any] = {"text": escaped(text, 280), "blocks": blocks}
        try:
            await self._web.call(
                "chat.postEphemeral", channel=person.place[0] or self._desk.channel, user=person.user, **said
            )
        except SlackError as error:
            if not error.word:
                _LOG.warning("%s was not told: %s", person.user, text)
                return
            await self._directly(person, said)

    async def _directly(self, person: Person, said: dict[str, Any]) -> None:
        try:
            opened = await self._web.call("conversations.open", users=person.user)
            await self._web.call("chat.postMessage", channel=opened["channel"]["id"], **said)
        except SlackError as error:
            _LOG.warning("%s was not told: %s (%s)", person.user, said["text"], error.detail)
