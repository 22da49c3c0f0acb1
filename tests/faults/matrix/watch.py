"""Looking at every bot four times a second, from outside: is it safe at this moment?"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.core.capital import split
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.platform import Exposure, Mode, Variant
from promotion_ladder.core.release import Release
from promotion_ladder.descent import flatness

EVERY = 0.25
LEASE = 15.0
"""Seconds, of every stage of the ladder here that touches money."""
LATEST_RENEWAL = 3.0
"""Seconds: a guard looks twice a second, so a lease that is older is renewed by nobody."""


class Grant(tuple[Mode, Decimal, Decimal]):
    """What a stage gives: mode, the candidate's capital, the baseline's."""

    __slots__ = ()

    @classmethod
    def of(cls, ladder: Ladder, stage: str, total: Decimal) -> "Grant":
        spec = next(each for each in ladder.stages if each.name == stage)
        shares = split(total, spec)
        return cls((spec.mode, shares.candidate, shares.baseline))


@dataclass
class Watched:
    """One bot, and what it may have."""

    bot: str
    release: Release
    total: Decimal
    promotion_id: str = ""
    grants: list[Grant] = field(default_factory=list)
    """Empty when no promotion grants anything: it was cut off."""
    looks: list[tuple[float, str]] = field(default_factory=list)
    """When it was looked at, and what was wrong; nothing when it was safe."""
    excess: str = ""
    """More than was granted, at any moment."""

    @property
    def most(self) -> Decimal:
        """The largest capital that candidate and baseline may have together."""
        return max((grant[1] + grant[2] for grant in self.grants if grant[0].touches_money), default=Decimal(0))

    def wrong(self, mine: Sequence[Exposure]) -> str | None:
        """What is wrong with this exposure; None when flatness at bot and venue decides."""
        by = {exposure.variant: exposure for exposure in mine}
        candidate, baseline = by.get(Variant.CANDIDATE), by.get(Variant.BASELINE)
        if candidate is None and baseline is None:
            stable = by.get(Variant.STABLE)
            if stable is None or stable.capital != self.total:
                return f"stable has {stable.capital if stable else 0} of {self.total}"
            return None
        if not self.grants:
            live = candidate is not None and candidate.mode is Mode.LIVE
            rest = [e for e in (candidate, baseline) if e and (not e.paused or e.open_orders or e.open_positions)]
            return "" if live and not rest else "exposed, and no promotion grants it"
        has = Grant(
            (
                candidate.mode if candidate else Mode.REPLAY,
                candidate.capital if candidate else Decimal(0),
                baseline.capital if baseline else Decimal(0),
            )
        )
        if has not in self.grants:
            return f"has {has[0]} with {has[1]} and {has[2]}"
        owner = candidate.promotion_id if candidate else None
        if owner != self.promotion_id:
            return f"exposed for {owner}"
        left = candidate.lease_left_seconds if candidate else None
        if left is None or left < LEASE - LATEST_RENEWAL:
            return f"the lease is not renewed, {left} s left"
        return ""

    def note_excess(self, mine: Iterable[Exposure]) -> None:
        """Remember an exposure beyond the largest grant."""
        sum_of = sum((e.capital for e in mine if e.variant is not Variant.STABLE), Decimal(0))
        if self.grants and sum_of > self.most:
            self.excess = f"exposed with {sum_of}, granted was {self.most}"

    def seconds_to_safe(self, since: float, until: float) -> float | None:
        """From ``since`` until it was safe and stayed so until ``until``; None if it did not become safe."""
        looks = [(at, wrong) for at, wrong in self.looks if since <= at <= until]
        unsafe = [at for at, wrong in looks if wrong]
        if not unsafe:
            return 0.0 if looks else None
        after = [at for at, _ in looks if at > unsafe[-1]]
        return after[0] - since if after else None

    def last_wrong(self) -> str:
        return next((wrong for _, wrong in reversed(self.looks) if wrong), "")


class Watch:
    """Looks at all of them until it is told to stop."""

    def __init__(self, platform: HttpPlatform) -> None:
        self._platform = platform
        self._all: list[Watched] = []

    def add(self, watched: Watched) -> None:
        self._all.append(watched)

    async def look(self) -> None:
        """Look once at every bot."""
        began = time.monotonic()
        try:
            exposures = await self._platform.exposures()
        except LadderError:
            # What was never given any exposure cannot have some; of everything else nobody knows.
            for watched in self._all:
                watched.looks.append((began, "the platform does not answer" if watched.most else ""))
            return
        await asyncio.gather(*(self._look_at(watched, exposures) for watched in self._all))

    async def _look_at(self, watched: Watched, exposures: Sequence[Exposure]) -> None:
        mine = [exposure for exposure in exposures if exposure.bot == watched.bot]
        watched.note_excess(mine)
        wrong = watched.wrong(mine)
        if wrong is None:
            wrong = ""
            if watched.most or not watched.grants:
                report = await flatness(self._platform, watched.bot)
                wrong = "" if report.is_flat else f"{report.state}: {report.detail}"
        watched.looks.append((time.monotonic(), wrong))

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            await self.look()
            await asyncio.sleep(max(0.05, began + EVERY - time.monotonic()))
