"""Notices in Slack: one root message per promotion, kept as things stand, and its thread, the story.

Each message is posted once, although Slack has no idempotency: before it is sent its key is written down, and where
nobody knows whether an earlier try arrived it is looked for by its metadata.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from promotion_ladder.adapters.slack import blocks
from promotion_ladder.adapters.slack.blocks import Message
from promotion_ladder.adapters.slack.book import DEAF_AFTER, Book, Post
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.picture import Picture
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.card import Telling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import Delivery, NoticeKind
from promotion_ladder.core.people import People, Verb
from promotion_ladder.core.state import Phase
from promotion_ladder.ports import Directory, Notifier

_LOG = logging.getLogger(__name__)
EVENT_TYPE = "ladder_notice"
IN_FLIGHT = timedelta(seconds=40)
"""So long an earlier try may still be on its way: longer than an activity lives."""
_GONE = ("message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed")
_LOUD = (
    NoticeKind.APPROVAL_NEEDED, NoticeKind.VETO_WINDOW, NoticeKind.HELD, NoticeKind.GUARD_TRIPPED, NoticeKind.NOT_FLAT,
)  # fmt: skip
"""What is shown in the channel too: threads are read by those who follow them."""
_OPENING = (NoticeKind.APPROVAL_NEEDED, NoticeKind.VETO_WINDOW)
"""What a window waits for."""
_STUCK = (NoticeKind.HELD, NoticeKind.NOT_FLAT)
"""What calls those who may resume."""


@dataclass(frozen=True)
class Root:
    """Where the root message of a promotion is."""

    channel: str
    ts: str


class SlackNotifier(Notifier):
    """Slack as a channel. Every method raises LadderError (``OPS_SLACK_*``) when Slack did not take something."""

    def __init__(self, web: SlackWeb, book: Book, desk: SlackDesk, directory: Directory, picture: Picture) -> None:
        self._web = web
        self._book = book
        self._desk = desk
        self._directory = directory
        self._picture = picture

    async def notify(self, telling: Telling) -> Delivery:
        """Tell it in the promotion's thread, and show the newest state in its root message.

        What opens a window counts as delivered only while a gateway hears what people click.
        """
        notice = telling.notice
        root, fresh = await self._root(telling)
        if not notice.kind.is_quiet and notice.kind is not NoticeKind.STARTED:  # that one the root message tells
            root = await self._story(telling, root)
        if notice.kind is NoticeKind.ESCALATED:
            await self._escalate(telling, root)
        if not fresh and not telling.followed:
            root = await self._refresh(telling, root)
        if notice.kind in _OPENING:
            await self._hears()
        return Delivery(notice_id=notice.notice_id, channel="slack", reference=f"{root.channel}:{root.ts}")

    async def silence(self, since: datetime) -> timedelta:
        """How long since then no gateway heard clicks."""
        return await self._book.silence(since, datetime.now(UTC))

    async def _hears(self) -> None:
        silent = await self._book.silent_for(datetime.now(UTC))
        if silent is None or silent > DEAF_AFTER:
            since = "none was ever started" if silent is None else f"the last beat {silent.total_seconds():.0f} s ago"
            raise LadderError(Code.SLACK_DEAF, f"no gateway hears clicks in Slack: {since}")

    # --- the root message -----------------------------------------------------------------------------------------

    async def _root(self, telling: Telling) -> tuple[Root, bool]:
        """The root message, posted if there is none yet; and whether it shows this very telling already."""
        key = f"{telling.notice.promotion_id}#root"
        known = await self._book.post(key)
        if known is not None and known.channel != self._desk.channel:
            await self._book.gone(key)  # the desk has moved to another channel
        elif known is not None and known.ts is not None:
            return Root(known.channel, known.ts), False
        ts = await self._once(key, self._desk.channel, await self._shown(telling), telling.notice.at)
        return Root(self._desk.channel, ts), True

    async def _refresh(self, telling: Telling, root: Root) -> Root:
        """Show the newest state; a root message that somebody deleted is posted anew."""
        message = await self._shown(telling)
        try:
            await self._send("chat.update", message, channel=root.channel, ts=root.ts)
        except SlackError as error:
            if error.word in _GONE:
                return await self._anew(telling)
            if error.code is not Code.SLACK_REFUSED:
                raise
            _LOG.error("%s shows an old state: %s", telling.notice.promotion_id, error.detail)
        return root

    async def _anew(self, telling: Telling) -> Root:
        """The root message, posted again: the one before is gone."""
        await self._book.gone(f"{telling.notice.promotion_id}#root")
        root, _ = await self._root(telling)
        return root

    async def _shown(self, telling: Telling) -> Message:
        notice, card = telling.notice, telling.card
        ask = await self._book.ask(notice.promotion_id, card.bot, card.stage, card.attempt, card.evidence or "")
        asked = card.phase in (Phase.AWAITING_APPROVAL, Phase.VETO_WINDOW)
        plot = await self._picture.of(card, ask) if asked else None
        report = self._desk.report_of(card.bot, notice.promotion_id)
        return blocks.root(card, ask, datetime.now(UTC), plot=plot, report=report)

    # --- the thread -----------------------------------------------------------------------------------------------

    async def _story(self, telling: Telling, root: Root) -> Root:
        """One line in the thread, also shown in the channel where somebody is called; the root that has the thread."""
        notice = telling.notice
        heard = notice.kind in _LOUD or bool(notice.owners)
        message = blocks.reply(telling, self._called(telling) if heard else ())
        loud = {"reply_broadcast": True} if heard else {}
        try:
            await self._once(notice.notice_id, root.channel, message, notice.at, thread_ts=root.ts, **loud)
        except SlackError as error:
            if error.word not in _GONE:
                raise
            root = await self._anew(telling)
            await self._once(notice.notice_id, root.channel, message, notice.at, thread_ts=root.ts, **loud)
        return root

    async def _escalate(self, telling: Telling, root: Root) -> None:
        """Tell the second channel; one that refuses does not silence the first."""
        place = self._desk.escalation
        if place is None:
            return
        try:
            await self._tell_further_up(telling, root, place)
        except SlackError as error:
            if error.code is not Code.SLACK_REFUSED:
                raise
            _LOG.error("nobody was told further up: %s", error.detail)

    async def _tell_further_up(self, telling: Telling, root: Root, place: str) -> None:
        try:
            answer = await self._web.call("chat.getPermalink", query=True, channel=root.channel, message_ts=root.ts)
            link = str(answer.get("permalink") or "")
        except SlackError:
            link = ""  # a link is no reason to stay silent
        if place.startswith(("U", "W")):
            place = str((await self._web.call("conversations.open", users=place))["channel"]["id"])
        message = blocks.escalation(telling, link, self._called(telling))
        await self._once(f"{telling.notice.notice_id}#escalated", place, message, telling.notice.at)

    def _called(self, telling: Telling) -> Sequence[str]:
        """The Slack ids of those who may act or answer for it; nobody where the files cannot be read.

        The message matters more than whom it calls.
        """
        pending, roles, owners = telling.card.pending, telling.card.pending.who, telling.notice.owners
        try:
            people = self._directory.people()
            if telling.notice.kind in _STUCK:
                roles = self._directory.policy().rights[Verb.RESUME]
        except LadderError as error:
            _LOG.warning("nobody is called by name: %s", error.detail)
            return ()
        persons = [person.slack for person in people.people if person.slack and person.name in owners]
        return tuple(dict.fromkeys((*called(people, roles, pending.not_by), *called(people, owners, ""), *persons)))

    # --- once -----------------------------------------------------------------------------------------------------

    async def _once(self, key: str, channel: str, message: Message, at: datetime, **more: Any) -> str:
        """Post a message unless it is there; Slack's id of it."""
        before = await self._book.begin(key, channel, datetime.now(UTC))
        if before is not None:
            found = before.ts or await self._look_for(before, at, more.get("thread_ts"))
            if found is not None:
                await self._book.sent(key, found)
                return found
            now = datetime.now(UTC)
            if now - before.tried_at < IN_FLIGHT or not await self._book.again(before, now):
                raise LadderError(Code.SLACK_DOWN, "an earlier try may still be on its way; it is looked for again")
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        try:
            answer = await self._send(
                "chat.postMessage", message, channel=channel, metadata=metadata, unfurl_links=False, unfurl_media=False,
                **more,
            )  # fmt: skip
        except SlackError as error:
            if error.word:  # it was not posted, that is certain
                await self._book.gone(key)
            raise
        ts = str(answer["ts"])
        await self._book.sent(key, ts)
        return ts

    async def _send(self, method: str, message: Message, **fields: Any) -> Mapping[str, Any]:
        """Send a message; without its picture, where Slack does not show that one (yet)."""
        try:
            return await self._web.call(method, text=message.text, blocks=list(message.blocks), **fields)
        except SlackError as error:
            bare = [block for block in message.blocks if block["type"] != "image"]
            if error.word != "invalid_blocks" or len(bare) == len(message.blocks):
                raise
            _LOG.warning("%s: the picture is left out: %s", method, error.detail)
            return await self._web.call(method, text=message.text, blocks=bare, **fields)

    async def _look_for(self, post: Post, at: datetime, thread: str | None) -> str | None:
        """A message by the key in its metadata, among those since it was written."""
        method, more = ("conversations.replies", {"ts": thread}) if thread else ("conversations.history", {})
        oldest = f"{(min(at, post.tried_at) - timedelta(minutes=1)).timestamp():.6f}"
        found = await self._web.pages(
            method, "messages", channel=post.channel, oldest=oldest, limit=200, include_all_metadata=True, **more
        )
        return next((str(one["ts"]) for one in found if _key(one) == post.key), None)


def called(people: People, roles: Sequence[str], not_by: str) -> tuple[str, ...]:
    """The Slack ids to call for ``roles``: groups that give one of them, and people who have one by themselves."""
    groups = [group for group, given in people.groups.items() if set(given) & set(roles)]
    persons = [person.slack for person in people.with_role(tuple(roles)) if person.slack and person.name != not_by]
    return (*groups, *persons)


def _key(message: Mapping[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    payload = metadata.get("event_payload") or {}
    return str(payload.get("key") or "") if metadata.get("event_type") == EVENT_TYPE else ""
