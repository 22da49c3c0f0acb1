"""The workspace as one person sees it, ready to draw: texts parsed, dates in their zone, names resolved."""

from datetime import datetime
from zoneinfo import ZoneInfo

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.methods.conversations import channel_messages, thread_replies
from promotion_ladder.fake_slack.rules.dates import shown_date
from promotion_ladder.fake_slack.rules.mrkdwn import parse
from promotion_ladder.fake_slack.state import State
from promotion_ladder.fake_slack.workspace import Channel, User

SLACKBOT = "USLACKBOT"


class Reader:
    """One person looking at the page."""

    def __init__(self, state: State, user: User) -> None:
        self._state = state
        self._zone = ZoneInfo(user.tz)
        self._user = user
        self._today = datetime.fromtimestamp(state.clock.now(), self._zone).date()

    def name(self, user_id: str) -> str:
        """How a person is called; an id that nobody has stays as it is."""
        if user_id == SLACKBOT:
            return "Slackbot"
        user = self._state.workspace.user(user_id)
        return user.real_name if user else user_id

    def text(self, text: str) -> list[Json]:
        """A mrkdwn text as nodes with everything resolved."""
        return [self._node(node) for node in parse(text)]

    def _node(self, node: Json) -> Json:
        here = self._state.workspace
        match node["t"]:
            case "user":
                user = here.user(node["id"])
                return {"t": "mention", "v": f"@{user.name if user else node['id']}", "me": node["id"] == self._user.id}
            case "usergroup":
                group = here.usergroup(node["id"])
                mine = bool(group and self._user.id in group.members)
                return {"t": "mention", "v": f"@{group.handle if group else node['id']}", "me": mine}
            case "channel":
                channel = here.channel(node["id"])
                return {"t": "mention", "v": f"#{channel.name if channel else node['id']}", "me": False}
            case "broadcast":
                return {"t": "mention", "v": f"@{node['v']}", "me": True}
            case "date":
                text = shown_date(node["at"], node["format"], self._user.tz, self._today)
                return {"t": "date", "v": text, "url": node["url"], "at": node["at"]}
        return node | {"c": [self._node(child) for child in node["c"]]} if "c" in node else node

    def block(self, thing: object) -> object:
        """A block with the nodes of each mrkdwn text beside it, however deep."""
        if isinstance(thing, list):
            return [self.block(item) for item in thing]
        if not isinstance(thing, dict):
            return thing
        if thing.get("type") == "mrkdwn":
            return thing | {"nodes": self.text(thing["text"])}
        if thing.get("type") in ("user", "usergroup", "broadcast", "channel") and "text" not in thing:
            kind = thing["type"]
            key = thing.get("range") if kind == "broadcast" else thing.get(f"{kind}_id")
            return self._node({"t": kind, "id": key, "v": key}) | {"type": "node"}
        if thing.get("type") == "date" and "timestamp" in thing:
            text = shown_date(thing["timestamp"], thing.get("format", "{date}"), self._user.tz, self._today)
            return {"type": "node", "t": "date", "v": text, "url": "", "at": thing["timestamp"]}
        return {name: self.block(value) for name, value in thing.items()}

    def message(self, message: Json) -> Json:
        """A message with who wrote it and when, in this person's words."""
        when = datetime.fromtimestamp(float(message["ts"]), self._zone)
        clock = f"{when.hour % 12 or 12}:{when:%M} {when:%p}"
        shown = {
            "ts": message["ts"],
            "thread_ts": message.get("thread_ts"),
            "author": self.name(message.get("user", "")),
            "app": "bot_id" in message or message.get("user") == SLACKBOT,
            "time": clock,
            "day": shown_date(int(float(message["ts"])), "{date_pretty}", self._user.tz, self._today),
            "edited": "edited" in message,
            "only_you": "to" in message,
            "broadcast": message.get("subtype") == "thread_broadcast",
            "pinned": "pinned_to" in message,
            "reactions": message.get("reactions", []),
            "files": [file | {"path": f"/files/{file['id']}/{file['name']}"} for file in message.get("files", [])],
            "replies": message.get("reply_count", 0),
            "blocks": self.block(message.get("blocks") or []),
            "text": [] if message.get("blocks") else self.text(message.get("text", "")),
        }
        shown["attachments"] = [
            {
                "color": one.get("color", ""),
                "blocks": self.block(one.get("blocks", [])),
                "text": self.text(one.get("text", "")),
            }
            for one in message.get("attachments") or []
        ]
        return shown


def shown_page(state: State, user_id: str | None, connections: int) -> Json:
    """Everything the page needs to draw for one person, by default the first."""
    here = state.workspace
    user = here.user(user_id or "") or here.users[0]
    reader = Reader(state, user)
    return {
        "team": here.team_name,
        "app": here.app_name,
        "connections": connections,
        "me": {"id": user.id, "name": user.name, "real_name": user.real_name, "tz": user.tz},
        "users": [{"id": one.id, "name": one.name, "real_name": one.real_name} for one in here.users],
        "channels": [_channel(state, reader, user, channel) for channel in _places(state, user)],
        "views": [_view(reader, state.views[key]) for key in state.stacks.get(user.id, [])],
        "home": _view(reader, state.homes[user.id]) if user.id in state.homes else None,
    }


def _places(state: State, user: User) -> list[Channel]:
    direct = state.workspace.channel(f"D{user.id[1:]}")
    return [*state.workspace.channels, *([direct] if direct else [])]


def _channel(state: State, reader: Reader, user: User, channel: Channel) -> Json:
    roots = channel_messages(state, channel.id)
    mine = [one for one in state.ephemerals.values() if one["to"] == user.id and one["channel"] == channel.id]
    in_channel = [one for one in mine if not one.get("thread_ts")]
    threads = {}
    for root in roots:
        replies = thread_replies(state, channel.id, root["ts"])
        replies += [one for one in mine if one.get("thread_ts") == root["ts"]]
        threads[root["ts"]] = [reader.message(one) for one in sorted(replies, key=lambda one: str(one["ts"]))]
    everything = sorted([*roots, *in_channel], key=lambda one: str(one["ts"]))
    return {
        "id": channel.id,
        "name": state.workspace.app_name if channel.id.startswith("D") else channel.name,
        "direct": channel.id.startswith("D"),
        "archived": channel.archived,
        "members": len(channel.members),
        "messages": [reader.message(one) for one in everything],
        "threads": threads,
    }


def _view(reader: Reader, view: Json) -> Json:
    return {
        "id": view["id"],
        "hash": view["hash"],
        "title": (view.get("title") or {}).get("text", ""),
        "submit": (view.get("submit") or {}).get("text"),
        "close": (view.get("close") or {}).get("text", "Cancel"),
        "blocks": reader.block(view["blocks"]),
    }
