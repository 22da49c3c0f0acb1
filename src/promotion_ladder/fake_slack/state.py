"""What has been said, shown and uploaded: the state behind the Web API, the persons and the page. No network."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from promotion_ladder.fake_slack.base import ApiError, Clock, Json
from promotion_ladder.fake_slack.rules.mrkdwn import message_mentions
from promotion_ladder.fake_slack.store import Store
from promotion_ladder.fake_slack.workspace import Channel, User, Workspace

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5


@dataclass
class File:
    """An upload: announced first, then its bytes, then shared."""

    id: str
    name: str
    length: int
    data: bytes | None = None
    shared: bool = False
    title: str = ""


@dataclass
class Trigger:
    """A trigger id: good for one modal, for three seconds."""

    user: str
    until: float
    used: bool = False
    view: str | None = None  # the modal in which it was pressed: views.push stacks on it


@dataclass
class ResponseUrl:
    """Where an app may answer one interaction: five times within thirty minutes."""

    user: str
    channel: str
    until: float
    message: str | None = None  # the ts of the message that was clicked
    ephemeral: bool = False
    thread_ts: str | None = None
    uses: int = RESPONSE_URL_USES


@dataclass(frozen=True)
class Mentioned:
    """Somebody was mentioned in a message: by a post, or by an edit, which tells nobody."""

    channel: str
    ts: str
    target: str  # U…, S… or !channel
    notified: bool


@dataclass
class State:
    """The whole workspace. ``changed`` must follow every change: it wakes those who wait and the pages."""

    workspace: Workspace
    clock: Clock
    store: Store
    messages: dict[str, dict[str, Json]] = field(default_factory=dict)  # by channel and ts
    ephemerals: dict[str, Json] = field(default_factory=dict)  # by ts; "to" names who sees it
    views: dict[str, Json] = field(default_factory=dict)
    stacks: dict[str, list[str]] = field(default_factory=dict)  # each person's open modals, the top one last
    homes: dict[str, Json] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    mentions: list[Mentioned] = field(default_factory=list)
    version: int = 0
    _last: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        for key, body, _ in self.store.documents("message"):
            channel, _, ts = key.partition("/")
            self.messages.setdefault(channel, {})[ts] = body
        for key, body, _ in self.store.documents("ephemeral"):
            self.ephemerals[key] = body
        for key, body, _ in self.store.documents("view"):
            self.views[key] = body
            self.stacks.setdefault(body["user"], []).append(key)
        self.homes = {key: body for key, body, _ in self.store.documents("home")}
        self.files = {key: File(**body, data=data) for key, body, data in self.store.documents("file")}
        stamps = [*self.ephemerals, *(ts for channel in self.messages.values() for ts in channel)]
        self._last = max((int(ts.replace(".", "")) for ts in stamps), default=0)

    # -- numbers, names and news

    def next_ts(self) -> str:
        """A message's ``ts``: unlike any other, and later than all before it."""
        self._last = max(self._last + 1, int(self.clock.now() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def next_id(self, letter: str) -> str:
        """An id in Slack's manner, such as ``V0…`` for a view."""
        return f"{letter}0{secrets.token_hex(4).upper()}{next(self._numbers):02d}"

    def changed(self) -> None:
        """Something is different: whoever waits looks again."""
        self.version += 1
        self._woken.set()
        self._woken = asyncio.Event()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait till ``condition`` is true; False if it is not after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._woken.wait()
        except TimeoutError:
            return condition()
        return True

    # -- people and places

    def user(self, user_id: object) -> User:
        """The member of that id, or ``user_not_found``."""
        user = self.workspace.user(str(user_id))
        if user is None:
            raise ApiError("user_not_found")
        return user

    def channel(self, name: object) -> Channel:
        """The channel of that id or name, or the DM with the member of that id, or ``channel_not_found``."""
        text = str(name or "")
        if text.startswith("U"):
            text = f"D{text[1:]}"
        channel = self.workspace.channel(text)
        if channel is None:
            raise ApiError("channel_not_found")
        return channel

    # -- messages

    def add_message(self, channel: str, message: Json) -> Json:
        """Keep a new message; gives it its ``ts`` and its blocks their ids."""
        message = {"type": "message", **message, "ts": self.next_ts(), "team": self.workspace.team_id}
        self.keep_message(channel, message)
        self.note_mentions(channel, message, posted=True)
        return message

    def note_mentions(self, channel: str, message: Json, *, posted: bool) -> None:
        """Remember whom a post or an edit mentions."""
        for target, notified in message_mentions(message):
            self.mentions.append(Mentioned(channel, message["ts"], target, notified and posted))

    def keep_message(self, channel: str, message: Json) -> None:
        """Keep a message as it is now."""
        self.name_blocks(message)
        self.messages.setdefault(channel, {})[message["ts"]] = message
        self.store.put("message", f"{channel}/{message['ts']}", message)
        self.changed()

    def message(self, channel: str, ts: object) -> Json:
        """The message of that ``ts``, or ``message_not_found``."""
        found = self.messages.get(channel, {}).get(str(ts))
        if found is None:
            raise ApiError("message_not_found")
        return found

    def drop_message(self, channel: str, ts: str) -> None:
        """The message is deleted; a thread's replies stay, as in Slack."""
        self.message(channel, ts)
        del self.messages[channel][ts]
        self.store.drop("message", f"{channel}/{ts}")
        self.changed()

    def add_ephemeral(self, to: str, channel: str, message: Json) -> Json:
        """Show a message to one person only."""
        message = {"type": "message", **message, "ts": self.next_ts(), "channel": channel, "to": to}
        self.keep_ephemeral(message)
        return message

    def keep_ephemeral(self, message: Json) -> None:
        """Keep an ephemeral message as it is now."""
        self.name_blocks(message)
        self.ephemerals[message["ts"]] = message
        self.store.put("ephemeral", message["ts"], message)
        self.changed()

    def drop_ephemeral(self, ts: str) -> None:
        """It is no longer shown."""
        if self.ephemerals.pop(ts, None):
            self.store.drop("ephemeral", ts)
            self.changed()

    def name_blocks(self, holder: Json) -> None:
        """Give an id to each block and each element that has none, as Slack does."""
        for block in holder.get("blocks") or []:
            block.setdefault("block_id", self.next_id("b"))
            inside = [*(block.get("elements") or []), block.get("accessory"), block.get("element")]
            for element in inside:
                pressed = isinstance(element, dict) and element.get("type") not in ("mrkdwn", "plain_text", "image")
                if pressed and block["type"] != "rich_text":
                    element.setdefault("action_id", self.next_id("a"))

    # -- views

    def keep_view(self, view: Json) -> None:
        """Keep an open modal as it is now; a new one stands on top of its person's stack."""
        self.views[view["id"]] = view
        stack = self.stacks.setdefault(view["user"], [])
        if view["id"] not in stack:
            stack.append(view["id"])
        self.store.put("view", view["id"], view)
        self.changed()

    def drop_views(self, user: str, *, only: str | None = None) -> None:
        """Close one modal of a person, or all."""
        for key in [only] if only else list(self.stacks.get(user, [])):
            if self.views.pop(key, None) is None:
                continue  # another modal took its place while its submission was on the way
            self.stacks[user].remove(key)
            self.store.drop("view", key)
        self.changed()

    def keep_home(self, user: str, view: Json) -> None:
        """What a person sees in the app's home tab from now on."""
        self.homes[user] = view
        self.store.put("home", user, view)
        self.changed()

    # -- files

    def keep_file(self, file: File) -> None:
        """Keep an upload as it is now."""
        self.files[file.id] = file
        body = {"id": file.id, "name": file.name, "length": file.length, "shared": file.shared, "title": file.title}
        self.store.put("file", file.id, body, file.data)
        self.changed()

    def ready_files(self) -> list[str]:
        """The ids that an image may name: those whose upload is complete."""
        return [file.id for file in self.files.values() if file.shared]

    # -- what an interaction carries

    def new_trigger(self, user: str, view: str | None = None) -> str:
        """A trigger id for the person's next modal."""
        now = self.clock.now()
        trigger = f"{int(now * 1000)}.{next(self._numbers)}.{secrets.token_hex(8)}"
        self.triggers[trigger] = Trigger(user, now + TRIGGER_SECONDS, view=view)
        return trigger

    def use_trigger(self, trigger_id: object) -> Trigger:
        """The trigger of that id, used up by this; refused as Slack refuses old, used and unknown ones."""
        trigger = self.triggers.get(str(trigger_id))
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if self.clock.now() > trigger.until:
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger

    def new_response_url(self, where: ResponseUrl) -> str:
        """The last part of a new response URL."""
        key = secrets.token_hex(12)
        self.response_urls[key] = where
        return key
