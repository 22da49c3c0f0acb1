"""``<!date^1700000000^{date_short} at {time}|fallback>`` as a reader in a zone sees it."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_TOKEN = re.compile(r"\{(\w+)\}")


def shown_date(at: int, form: str, zone: str, today: date) -> str:
    """The words of a date token for a reader in ``zone`` whose calendar says ``today``; unknown words stay."""
    when = datetime.fromtimestamp(at, ZoneInfo(zone))
    return _TOKEN.sub(lambda match: _word(match[1], when, today) or match[0], form)


def _word(token: str, when: datetime, today: date) -> str | None:
    if token.endswith("_pretty"):
        near = {today: "today", today - timedelta(days=1): "yesterday", today + timedelta(days=1): "tomorrow"}
        if when.date() in near:
            return near[when.date()]
        token = token.removesuffix("_pretty")
    clock = f"{when.hour % 12 or 12}:{when:%M}"
    words = {
        "date_num": f"{when:%Y-%m-%d}",
        "date": f"{when:%B} {when.day}, {when.year}",
        "date_short": f"{when:%b} {when.day}, {when.year}",
        "date_long": f"{when:%A}, {when:%B} {when.day}, {when.year}",
        "time": f"{clock} {when:%p}",
        "time_secs": f"{clock}:{when:%S} {when:%p}",
    }
    return words.get(token)
