"""Channels to people: a webhook, a file, the terminal, and several of them at once."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from promotion_ladder.adapters.lines import append_line, read_lines
from promotion_ladder.adapters.posting import DEADLINE, NoAnswerError, Poster, signed
from promotion_ladder.core.canonical import canonical
from promotion_ladder.core.card import Telling
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import Delivery, Notice, NoticeKind
from promotion_ladder.ports import Notifier

_LOG = logging.getLogger(__name__)
_REMEMBERED = 1_000
_STYLES = {
    NoticeKind.GUARD_TRIPPED: "bold red",
    NoticeKind.NOT_FLAT: "bold red",
    NoticeKind.COMING_DOWN: "red",
    NoticeKind.HELD: "yellow",
    NoticeKind.ENDED: "green",
}


class OneWay(Notifier):
    """A channel that only tells: people answer elsewhere, so its silence stops no clock."""

    async def silence(self, since: datetime) -> timedelta:  # noqa: ARG002 - whenever it began
        """Nothing."""
        return timedelta(0)


class WebhookNotifier(OneWay):
    """Posts each notice as JSON to ``url``, signed with ``secret``.

    Headers: ``Idempotency-Key`` is the notice id, the same when a notice is sent again because its answer was lost;
    ``X-Ladder-Timestamp`` is the time of sending in whole seconds since 1970; ``X-Ladder-Signature`` is ``v1=`` and
    the hex HMAC-SHA256, keyed with the secret, of the timestamp, a full stop and the raw body.

    A receiver verifies like this, before it parses the body::

        said = hmac.new(secret, timestamp.encode() + b"." + raw_body, hashlib.sha256).hexdigest()
        genuine = hmac.compare_digest(f"v1={said}", signature)
        fresh = abs(time.time() - int(timestamp)) <= 300

    refuses what is not genuine and fresh, and answers a known Idempotency-Key with 200 without acting again. Any 2xx
    counts as delivered. Redirects are not followed, since the notice would go where nobody configured it to go.
    """

    def __init__(self, url: str, secret: str, *, deadline: timedelta = DEADLINE) -> None:
        if not secret:
            raise ValueError("a webhook needs a secret, or anybody could forge its notices")
        self._poster = Poster("the webhook", url, deadline)
        self._secret = secret.encode()

    async def notify(self, telling: Telling) -> Delivery:
        """Post ``notice`` once, within the deadline; raises ``OPS_NOTICE_UNDELIVERED`` unless the answer is 2xx."""
        notice = telling.notice
        body = canonical(notice)
        try:
            answer = await self._poster.post(body, signed(self._secret, notice.notice_id, body))
        except NoAnswerError as problem:
            raise LadderError(Code.NOTICE_UNDELIVERED, str(problem)) from None
        if not answer.taken:
            raise LadderError(Code.NOTICE_UNDELIVERED, f"{self._poster.name} answered {answer.status}")
        return Delivery(notice_id=notice.notice_id, channel="webhook")


class FileNotifier(OneWay):
    """Appends each notice as a line of JSON to ``path``, once, where other processes read it (``read_notices``)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def notify(self, telling: Telling) -> Delivery:
        """Append ``notice`` unless it is there; raises ``OPS_NOTICE_UNDELIVERED`` when the file cannot be written."""
        notice = telling.notice
        try:
            await asyncio.to_thread(self._append, notice)
        except OSError as problem:
            detail = f"the notice could not be written to {self._path}: {problem.strerror or problem}"
            raise LadderError(Code.NOTICE_UNDELIVERED, detail) from problem
        return Delivery(notice_id=notice.notice_id, channel="file", reference=str(self._path))

    def _append(self, notice: Notice) -> None:
        append_line(self._path, notice.model_dump_json(), unless=lambda line: _notice_id(line) == notice.notice_id)


class TerminalNotifier(OneWay):
    """Prints each notice as one line, to standard error unless another console is given.

    Nobody need be looking: in production it is an extra, not a channel (see :class:`Fanout`).
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._told: dict[str, None] = {}  # in the order told, so that the oldest are forgotten first

    async def notify(self, telling: Telling) -> Delivery:
        """Print ``notice`` unless it was printed; raises ``OPS_NOTICE_UNDELIVERED`` when the terminal is gone."""
        notice = telling.notice
        if notice.notice_id not in self._told:
            try:
                self._console.print(_line(notice), soft_wrap=True)
            except (OSError, ValueError) as problem:  # a closed stream raises ValueError
                raise LadderError(Code.NOTICE_UNDELIVERED, f"the terminal took no notice: {problem}") from problem
            self._told[notice.notice_id] = None
            for oldest in list(self._told)[:-_REMEMBERED]:
                del self._told[oldest]
        return Delivery(notice_id=notice.notice_id, channel="terminal")


class Fanout(Notifier):
    """Tells several channels at once; delivered when at least one of ``channels`` took the notice.

    ``extras`` are told too but do not count, for instance a terminal that nobody may be looking at: a veto window
    must not open because a log line was printed.
    """

    def __init__(self, channels: Sequence[Notifier], extras: Sequence[Notifier] = ()) -> None:
        self._channels = tuple(channels)
        self._extras = tuple(extras)

    async def notify(self, telling: Telling) -> Delivery:
        """Tell all; raises ``OPS_NOTICE_UNDELIVERED`` with every channel's reason when none of those that count did.

        The delivery names the channels that took it, joined by ``+``, with the reference of the first. What the
        others said is logged.
        """
        notice = telling.notice
        outcomes = await asyncio.gather(
            *(_told(channel, telling) for channel in (*self._channels, *self._extras)),
        )
        for outcome in outcomes:
            if isinstance(outcome, str):
                _LOG.warning("notice %s: %s", notice.notice_id, outcome)
        counted = outcomes[: len(self._channels)]
        taken = [outcome for outcome in counted if isinstance(outcome, Delivery)]
        if not taken:
            reasons = "; ".join(outcome for outcome in counted if isinstance(outcome, str))
            raise LadderError(Code.NOTICE_UNDELIVERED, f"no channel took the notice: {reasons or 'none is configured'}")
        return taken[0].model_copy(update={"channel": "+".join(delivery.channel for delivery in taken)})

    async def silence(self, since: datetime) -> timedelta:
        """The least of those that count: one channel in which people can answer is enough."""
        found = await asyncio.gather(*(channel.silence(since) for channel in self._channels))
        return min(found, default=timedelta(0))


def read_notices(path: Path) -> list[Notice]:
    """The notices that a :class:`FileNotifier` wrote to ``path``, oldest first; a torn line is left out."""
    return [notice for notice in map(_parsed, read_lines(path)) if notice is not None]


async def _told(channel: Notifier, telling: Telling) -> Delivery | str:
    """What ``channel`` made of a notice: its delivery, or why there is none."""
    try:
        return await channel.notify(telling)
    except LadderError as error:
        return str(error)
    except Exception as problem:  # noqa: BLE001 - one broken channel must not silence the others
        _LOG.exception("notice %s: %s failed", telling.notice.notice_id, type(channel).__name__)
        return f"{type(channel).__name__} failed: {type(problem).__name__}"


def _line(notice: Notice) -> Text:
    """One line for a terminal; nothing in a notice can move the cursor or start a line of its own."""
    style = "bold yellow" if notice.needs_person else _STYLES.get(notice.kind, "cyan")
    line = Text.assemble((notice.kind.replace("_", " "), style), "  ", _printable(notice.title))
    if notice.deadline is not None:
        line.append(f"  until {notice.deadline:%Y-%m-%d %H:%M:%S} UTC", "dim")
    if notice.needs_person:
        line.append("  needs a person", style)
    return line


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


def _parsed(line: str) -> Notice | None:
    try:
        return Notice.model_validate_json(line)
    except ValidationError:
        return None


def _notice_id(line: str) -> str | None:
    notice = _parsed(line)
    return notice.notice_id if notice else None
