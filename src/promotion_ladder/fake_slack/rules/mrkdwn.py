"""Slack's mrkdwn: what a text shows, and whom it mentions.

``parse`` gives a tree of nodes, each a dict with ``t`` (the kind): ``text``, ``b i s code pre quote``, ``link``,
``user``, ``usergroup``, ``channel``, ``broadcast``, ``date``, ``emoji``. The page draws these and nothing else, so
no text can become markup of the page.
"""

import html
import re
from typing import Any, NamedTuple

from promotion_ladder.fake_slack.base import Json

_SPECIAL = re.compile(r"<([^<>\n]+)>")
_STYLES = (
    ("code", re.compile(r"`([^`\n]+)`")),
    ("special", _SPECIAL),
    ("b", re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])")),
    ("i", re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])")),
    ("s", re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])")),
    ("emoji", re.compile(r":([a-z0-9_+-]+):")),
)
_FENCE = re.compile(r"\n?```\n?(.*?)\n?```\n?", re.DOTALL)  # it stands on lines of its own
_BARE = re.compile(r"(?<![\w@])@(channel|here|everyone)\b")
_DATE = re.compile(r"!date\^(\d+)\^([^|^]+)(?:\^([^|]*))?\|?(.*)", re.DOTALL)


class Mention(NamedTuple):
    """Who is mentioned: ``U…``, ``S…`` or ``!channel``.

    ``notified`` is false where nobody is told: in the fallback text of a message with blocks.
    """

    target: str
    notified: bool


def parse(text: str) -> list[Json]:
    """The nodes of a mrkdwn text."""
    nodes: list[Json] = []
    end = 0
    for match in _FENCE.finditer(text):
        nodes += _lines(text[end : match.start()])
        nodes.append({"t": "pre", "c": [_text(match[1])]})
        end = match.end()
    return nodes + _lines(text[end:])


def _lines(text: str) -> list[Json]:
    """Quoted lines stand together in one ``quote``; everything else is inline, its line breaks kept."""
    nodes: list[Json] = []
    plain: list[str] = []
    quoted: list[str] = []

    def flush() -> None:
        if quoted:
            nodes.append({"t": "quote", "c": _inline("\n".join(quoted))})
        elif plain:
            nodes.extend(_inline("\n".join(plain)))
        plain.clear()
        quoted.clear()

    for line in text.split("\n"):
        mark = next((mark for mark in ("&gt;", ">") if line.startswith(mark)), None)
        if (mark is not None) != bool(quoted):
            flush()
        if mark is None:
            plain.append(line)
        else:
            quoted.append(line.removeprefix(mark).lstrip(" "))
    flush()
    return nodes


def _text(text: str) -> Json:
    return {"t": "text", "v": html.unescape(text)}


def _inline(text: str) -> list[Json]:
    nodes: list[Json] = []
    while text:
        found = [(hit.start(), n, kind, hit) for n, (kind, style) in enumerate(_STYLES) if (hit := style.search(text))]
        if not found:
            return [*nodes, _text(text)]
        start, _, kind, match = min(found, key=lambda one: one[:2])
        nodes += [_text(text[:start])] if start else []
        nodes.append(_styled(kind, match[1]))
        text = text[match.end() :]
    return nodes


def _styled(kind: str, inner: str) -> Json:
    match kind:
        case "special":
            return _special(inner)
        case "code":
            return {"t": "code", "c": [_text(inner)]}
        case "emoji":
            return {"t": "emoji", "v": inner}
    return {"t": kind, "c": _inline(inner)}


def _special(body: str) -> Json:
    """What stands between ``<`` and ``>``."""
    target, _, label = body.partition("|")
    if match := _DATE.fullmatch(body):
        return {
            "t": "date",
            "at": int(match[1]),
            "format": match[2],
            "url": match[3] or "",
            "v": html.unescape(match[4]),
        }
    if target.startswith("@"):
        return {"t": "user", "id": target[1:]}
    if target.startswith("!subteam^"):
        return {"t": "usergroup", "id": target.removeprefix("!subteam^")}
    if target in ("!channel", "!here", "!everyone"):
        return {"t": "broadcast", "v": target[1:]}
    if target.startswith("#"):
        return {"t": "channel", "id": target[1:]}
    if target.startswith(("http://", "https://", "mailto:")):
        return {"t": "link", "url": html.unescape(target), "v": html.unescape(label or target)}
    return _text(f"<{body}>")


def _mentions(nodes: list[Json]) -> list[str]:
    found: list[str] = []
    for node in nodes:
        match node["t"]:
            case "user" | "usergroup":
                found.append(node["id"])
            case "broadcast":
                found.append(f"!{node['v']}")
            case "code" | "pre":
                pass  # Slack resolves them for the eye, yet tells nobody
            case _:
                found += _mentions(node.get("c", []))
    return found


def text_mentions(text: str, *, bare: bool) -> list[str]:
    """Whom a mrkdwn text mentions. ``bare``: Slack also looks for a plain ``@channel``, ``@here``, ``@everyone``."""
    nodes = parse(text)
    return _mentions(nodes) + ([f"!{word}" for word in _BARE.findall(_visible(nodes))] if bare else [])


def _visible(nodes: list[Json]) -> str:
    parts = (node.get("v", "") if node["t"] == "text" else _visible(node.get("c", [])) for node in nodes)
    return "".join(part or " " for part in parts)


def _block_mentions(thing: Any) -> list[str]:
    """Mentions in blocks, however deep.

    A text object that is not ``verbatim`` is searched for a plain ``@channel``: Slack documents that "certain mentions
    will be automatically parsed" there, without saying which.
    """
    if isinstance(thing, list):
        return [found for item in thing for found in _block_mentions(item)]
    if not isinstance(thing, dict):
        return []
    match thing.get("type"):
        case "mrkdwn":
            return text_mentions(str(thing["text"]), bare=not thing.get("verbatim", False))
        case "user" | "usergroup" as kind:
            return [str(thing[f"{kind}_id"])]
        case "broadcast":
            return [f"!{thing['range']}"]
    return [found for name, value in thing.items() if name != "accessory" for found in _block_mentions(value)]


def message_mentions(message: Json) -> list[Mention]:
    """Whom a message mentions.

    With blocks they are what shows, and ``text`` is only the fallback of a notification; ``parse: full`` or
    ``link_names`` make a plain ``@channel`` in ``text`` a mention.
    """
    bare = message.get("parse") == "full" or message.get("link_names") in (True, 1, "1", "true")
    parts = [message.get("blocks"), *(one.get("blocks") for one in message.get("attachments") or [])]
    shown = _block_mentions([part for part in parts if part])
    text = text_mentions(message.get("text") or "", bare=bare)
    fallback = bool(message.get("blocks"))
    return [Mention(one, notified=True) for one in shown] + [Mention(one, notified=not fallback) for one in text]
