"""The daily digest: what is on the ladders and what waits, posted once at a set hour whichever gateways run."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from promotion_ladder.adapters.slack.blocks import Block, marked
from promotion_ladder.adapters.slack.desk import Digest
from promotion_ladder.adapters.slack.text import cut, escaped
from promotion_ladder.adapters.slack.web import SlackWeb
from promotion_ladder.client import Line
from promotion_ladder.core.incidents import Incident
from promotion_ladder.core.pending import WAITS_FOR_PEOPLE
from promotion_ladder.gateway.deeds import Deeds

_LOG = logging.getLogger(__name__)
MOST_LINES = 30


def due(digest: Digest, now: datetime) -> datetime:
    """The next moment at which the digest is due, after ``now``."""
    zone = ZoneInfo(digest.zone)
    today = now.astimezone(zone).date()
    moments = (datetime.combine(today + timedelta(days=days), digest.at, zone) for days in (0, 1, 2))
    return next(moment for moment in moments if moment > now).astimezone(UTC)


async def post_daily(deeds: Deeds, web: SlackWeb, digest: Digest) -> None:
    """Post for ever. One that fails is logged, and the next one comes tomorrow."""
    while True:
        moment = due(digest, datetime.now(UTC))
        await asyncio.sleep((moment - datetime.now(UTC)).total_seconds())
        try:
            await post(deeds, web, moment)
        except Exception:  # noqa: BLE001 - this task must live, whatever one turn trips over
            _LOG.exception("no digest today")


async def post(deeds: Deeds, web: SlackWeb, moment: datetime) -> bool:
    """Post the digest of this moment, unless another gateway does; whether it was posted here."""
    lines = [line async for line in deeds.ladder.list()]
    incidents = await deeds.ladder.incidents()
    if await deeds.book.begin(f"digest:{moment.isoformat()}", deeds.desk.channel, datetime.now(UTC)) is not None:
        return False
    waits = [line for line in lines if line.status in WAITS_FOR_PEOPLE]
    climbs = [line for line in lines if line not in waits]
    await web.call(
        "chat.postMessage", channel=deeds.desk.channel, blocks=blocks(waits, climbs, incidents),
        text=f"{len(lines)} on the ladders, {len(waits)} wait for people, {len(incidents)} incidents",
    )  # fmt: skip
    return True


def blocks(waits: list[Line], climbs: list[Line], incidents: tuple[Incident, ...]) -> list[Block]:
    """What waits first, then what climbs, then what needs mending."""
    open_ones = [f"{one.severity}: {escaped(one.sentence, 160)} (`{one.incident_id}`)" for one in incidents]
    parts = (
        ("Waits for people", [_named(line) for line in waits]),
        ("On the ladders", [_named(line) for line in climbs]),
        ("Open incidents", open_ones),
    )
    return [
        {"type": "header", "text": {"type": "plain_text", "text": "The ladders today"}},
        *(
            {"type": "section", "text": marked(cut(f"*{title}* ({len(part)})\n" + "\n".join(part[:MOST_LINES]), 3000))}
            for title, part in parts
        ),
    ]


def _named(line: Line) -> str:
    exposed = ", exposed" if line.exposed else ""
    status = line.status.replace("_", " ")
    return f"*{escaped(line.bot)}* {escaped(line.release)}: {status} at {escaped(line.stage)}{exposed}"
