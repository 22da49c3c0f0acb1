"""The bots of a simulation: the default desk, and how a bot is added."""

import hashlib
import json
from decimal import Decimal

from pydantic import Field

from promotion_ladder.core.base import Money, Spec
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import Mode, Variant
from promotion_ladder.core.release import ChangeClass, Name, Release
from promotion_ladder.simulation.behaviour import Behaviour, Kind
from promotion_ladder.simulation.world import World


class BotSpec(Spec):
    """A bot to be: what it trades, where, with how much."""

    bot: Name
    account: Name
    """Bots of one account are netted by the venue."""
    venue: Name = "sim-exchange"
    strategy: str = ""
    """What a latch of scope ``strategy`` names; the bot's own name if empty."""
    instruments: tuple[Name, ...] = Field(default=("WTI", "WTI-MINI"), min_length=1)
    total_capital: Money = Field(default=Decimal("100000.00"), gt=0)
    stable: Release | None = None
    """The release that is stable at first; None makes a version 1.0.0 up."""
    behaviour: Behaviour = Behaviour(kind=Kind.STABLE)
    """How that release behaves."""


def make_release(bot: str, version: str, author: str = "desk", change: ChangeClass = ChangeClass.STRATEGY) -> Release:
    """A release whose digests follow from its name and version."""
    return Release(
        bot=bot,
        version=version,
        artifact=_sha256(f"{bot} {version} artifact"),
        params=_sha256(f"{bot} {version} params"),
        change=change,
        author=author,
    )


def default_bots() -> tuple[BotSpec, ...]:
    """Three bots on accounts of their own and two that share one."""
    return (
        *(BotSpec(bot=f"wti-{name}", account=f"acct-{name}") for name in ("trend", "carry", "swing")),
        *(BotSpec(bot=f"wti-{name}", account="acct-shared") for name in ("basis", "spread")),
    )


def add_bot(world: World, spec: BotSpec) -> None:
    """Add a bot, stable trading with the whole; ``OPS_PLATFORM_REFUSED`` if one of this name exists."""
    stable = spec.stable or make_release(spec.bot, "1.0.0")
    if stable.bot != spec.bot:
        raise LadderError(Code.PLATFORM_REFUSED, f"the stable release is of bot '{stable.bot}', not '{spec.bot}'")
    with world.transaction():
        if world.value("SELECT 1 FROM bots WHERE bot = ?", spec.bot):
            raise LadderError(Code.PLATFORM_REFUSED, f"a bot '{spec.bot}' exists already")
        world.publish(stable, spec.behaviour)
        world.run(
            "INSERT INTO bots (bot, account, venue, strategy, instruments, total_capital, stable)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            spec.bot,
            spec.account,
            spec.venue,
            spec.strategy or spec.bot,
            json.dumps(spec.instruments),
            str(spec.total_capital),
            stable.digest,
        )
        add_variant(world, Variant.STABLE, stable, Mode.LIVE, spec.total_capital)
        world.run("UPDATE variants SET active = 1 WHERE bot = ?", spec.bot)


def add_variant(world: World, variant: Variant, release: Release, mode: Mode, capital: Decimal) -> None:
    """Add a variant that decides nothing yet."""
    stamp = world.stamp()
    world.run(
        "INSERT INTO variants (bot, variant, digest, version, mode, capital, notional, active, heartbeat_at, data_at)"
        " VALUES (?, ?, ?, ?, ?, ?, '0', 0, ?, ?)",
        release.bot,
        variant,
        release.digest,
        release.version,
        mode,
        str(capital),
        stamp,
        stamp,
    )


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
