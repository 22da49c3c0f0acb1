"""What a person wants done, however they said it, and doing it."""

import asyncio
import hashlib
import logging
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from promotion_ladder.adapters.slack.book import Ask, Book
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.client import PATIENCE, LadderClient
from promotion_ladder.core.card import card
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb
from promotion_ladder.core.platform import Scope
from promotion_ladder.core.scope import KillMode
from promotion_ladder.core.state import SLACK, Command, Receipt

_LOG = logging.getLogger(__name__)
NOWHERE = ("", "")
LATER = 30.0
"""Seconds for which the ruling on a prohibition is asked for, beyond those that a command waits."""
AT_ONCE = 4
"""Permissions that are sent to one promotion at once. Temporal takes ten, whichever gateways send them, and keeps
the others away for as long as a minute: a crowd would be told that no worker answers."""


@dataclass(frozen=True)
class Deed:
    """One thing that one person wants done once."""

    verb: Verb
    user: str
    """The person's Slack id."""
    reason: str = ""
    mode: str = ""
    """Of a kill."""
    once: str = ""
    """What makes the click itself: the same one delivered twice is one deed."""
    place: tuple[str, str] = NOWHERE
    """Channel and id of the message that was clicked."""

    @property
    def message_id(self) -> str:
        """The same for the same deed, whichever gateway hears it how often."""
        parts = "\x1f".join((self.user, self.verb, self.once, *self.place))
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


@dataclass
class Deeds:
    """Doing what people want, in their name."""

    ladder: LadderClient
    book: Book
    desk: SlackDesk
    killing: set[str] = field(default_factory=set)
    """Kills under way or done, by message id: a click delivered twice kills once."""
    lines: weakref.WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=weakref.WeakValueDictionary)
    """Where permissions wait their turn, by bot, while any does."""

    async def looked_up(self, ask: str, deed: Deed, promotion_id: str = "") -> Ask:
        """What a button is for; ``promotion_id`` is what its message says of itself.

        Raises LadderError for a button that is none of ours, or a permission on a message that is not the promotion's
        own. A prohibition counts from anywhere, and where the database is silent by what the message says.
        """
        try:
            found = await self.book.find(ask)
            root = await self.book.post(f"{found.promotion_id}#root") if found is not None else None
        except LadderError:
            if deed.verb.prohibits and promotion_id:
                return _by_its_message(ask, promotion_id)
            raise
        if found is None and deed.verb.prohibits and promotion_id:
            return _by_its_message(ask, promotion_id)  # a database that was put back knows no newer buttons
        if found is None:
            raise LadderError(Code.UNKNOWN_BUTTON)
        clicked = bool(deed.place[1])  # else it was typed, and resolved when it was
        if clicked and not deed.verb.prohibits and (root is None or (root.channel, root.ts) != deed.place):
            raise LadderError(Code.WRONG_PLACE)
        return found

    async def do(self, deed: Deed, ask: Ask) -> Receipt:
        """Do it; what came of it. Raises LadderError with the reason when it was refused."""
        person = self.ladder.acting_for(deed.user)
        if deed.verb is Verb.KILL:
            known, _ = person.whoever(Verb.KILL)  # a latch shows who set it, to people who know no Slack ids
            return await self._kill(self.ladder.acting_for(known), deed, ask.bot)
        seen: dict[str, Any] = {}
        if not deed.verb.prohibits:
            seen = {"stage": ask.stage, "attempt": ask.attempt}
            seen["evidence"] = ask.evidence or None
        command = Command(
            verb=deed.verb, promotion_id=ask.promotion_id, identity=deed.user, message_id=deed.message_id,
            reason=deed.reason, channel=SLACK, **seen,
        )  # fmt: skip
        if deed.verb.prohibits:
            return await person.send(ask.bot, command)
        async with self._in_turn(ask.bot, deed.verb):
            return await person.send(ask.bot, command)

    async def ruled_later(self, deed: Deed, ask: Ask) -> Receipt | None:
        """What became of a prohibition that was not ruled on at once; None if nobody has within half a minute."""
        try:
            return await self.ladder.ruled(ask.bot, deed.message_id, LATER)
        except LadderError:
            return None

    @asynccontextmanager
    async def _in_turn(self, bot: str, verb: Verb) -> AsyncIterator[None]:
        """Wait behind the permissions that came before, as long as a person waits for a worker's answer."""
        line = self.lines.setdefault(bot, asyncio.Semaphore(AT_ONCE))
        try:
            await asyncio.wait_for(line.acquire(), PATIENCE.total_seconds())
        except TimeoutError:
            raise LadderError(Code.WORKER_SILENT, f"the {verb} of {bot} waits behind others with no answer") from None
        try:
            yield
        finally:
            line.release()

    async def _kill(self, person: LadderClient, deed: Deed, bot: str) -> Receipt:
        if deed.message_id in self.killing:
            return Receipt(accepted=True, code=Code.KILLED, sentence=f"the kill of {bot} is under way already")
        self.killing.add(deed.message_id)
        mode = KillMode(deed.mode or KillMode.FLATTEN)
        try:
            killed = await person.kill(Scope.BOT, bot, reason=deed.reason, mode=mode)
        except BaseException:
            self.killing.discard(deed.message_id)  # asked for again it is tried again
            raise
        return Receipt(accepted=True, code=Code.KILLED, sentence=killed.sentence)

    async def newest(self, bot: str, verb: Verb) -> Ask:
        """What the bot's promotion asks now, for who types a verb instead of clicking it."""
        if verb is Verb.KILL:
            return Ask("", "", bot, "", 0, "")
        shown = card(state := await self.ladder.state(bot), datetime.now(UTC))
        evidence = shown.evidence or ""
        ask = await self.book.ask(state.promotion_id, bot, state.stage_name, state.attempt, evidence)
        return Ask(ask, state.promotion_id, bot, state.stage_name, state.attempt, evidence)

    async def refused(self, deed: Deed, error: LadderError, about: str) -> None:
        """Put a refusal on the desk's record, unless a promotion has ruled on it: that one is on its own."""
        if error.code in _RULED:
            return
        who, _ = self.ladder.acting_for(deed.user).whoever(deed.verb)
        sentence = f"{who} may not {deed.verb} {about or 'anything'} from Slack: {error.detail}"
        try:
            await self.ladder.record.note("slack_refused", who, sentence, code=str(error.code), verb=str(deed.verb))
        except LadderError as down:
            _LOG.warning("not recorded: %s (%s)", sentence, down.detail)


def _by_its_message(ask: str, promotion_id: str) -> Ask:
    return Ask(ask, promotion_id, promotion_id.split("/", maxsplit=1)[0], "", 0, "")


_RULED = frozenset({
    Code.NOT_ENTITLED, Code.UNKNOWN_PERSON, Code.FOUR_EYES, Code.ALREADY_APPROVED, Code.REASON_NEEDED,
    Code.STALE_EVIDENCE, Code.NOTHING_TO_APPROVE, Code.WRONG_STAGE, Code.WRONG_PROMOTION, Code.COMING_DOWN,
    Code.NOT_ON_HOLD, Code.GROUPS_UNKNOWN, Code.DIRECTORY_UNREADABLE, Code.TOO_MANY_MESSAGES,
    Code.WORKER_SILENT,
})  # fmt: skip
"""Refusals that only a promotion gives, and it records them; and silence, after which it may still count."""


def promotion_of(message: Mapping[str, Any] | None) -> str:
    """Which promotion a message of ours says it shows, by its metadata; empty for any other."""
    metadata = (message or {}).get("metadata") or {}
    key = str((metadata.get("event_payload") or {}).get("key") or "")
    return key.removesuffix("#root") if key.endswith("#root") else ""
