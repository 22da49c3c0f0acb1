"""Text for Slack: escaped, so that nothing in a release or a gate can mention, link or format, and cut by rule."""

import re
from datetime import datetime, timedelta

from promotion_ladder.core.base import show_duration

_SHORTCODE = re.compile(r":(?=[a-z0-9_+'-]+:)")
"""What begins a picture: a reason must not put green marks on a card."""
_LOOK_ALIKE = {"*": "\u2217", "_": "\uff3f", "~": "\u223c", "`": "\u02cb"}
_FORMATS = re.compile(r"`|(?<![^\W_])[*_~]|[*_~](?![^\W_])")
"""What can begin or end bold, italics, strikes and code; inside a word (``risk_loosening``) it does not."""
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def plain(text: str, most: int) -> str:
    """``text`` on one line, for plain_text objects: nothing unseen, at most ``most`` characters."""
    return cut(_UNSEEN.sub(" ", text).strip(), most)


def escaped(text: str, most: int = 300) -> str:
    """``text`` on one line, for mrkdwn: it is shown as it is, whatever it holds.

    Slack's own rule (docs: formatting text for messages) covers ``&``, ``<`` and ``>``, which make mentions and links.
    ``@channel`` typed out would mention everybody, unless the text object is ``verbatim``, as all of ours are. Marks of
    formatting have no escape; they become look-alikes. The cut comes first, so that no entity is torn.
    """
    text = _FORMATS.sub(lambda mark: _LOOK_ALIKE[mark[0]], _SHORTCODE.sub("\u2236", plain(text, most)))
    for letter, entity in _ENTITIES:
        text = text.replace(letter, entity)
    return text


def cut(text: str, most: int) -> str:
    """``text`` with an ellipsis where it is longer than ``most`` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def when(moment: datetime) -> str:
    """A moment in the reader's own time zone; where Slack cannot say, in UTC."""
    fallback = f"{moment:%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def left(until: datetime, now: datetime) -> str:
    """How long until a moment, to the minute: ``29m``, ``2h5m``; ``0s`` when it is over."""
    seconds = max(0, round((until - now).total_seconds()))
    return show_duration(timedelta(seconds=seconds if seconds < 60 else seconds // 60 * 60))
