"""What a simulated bot decides: pure functions of seed, bot, release, mode, a running number and the price series.

No clock and no random state: live ticks and replays call the same functions, so equal inputs give equal stories.
Skill is simulated by looking ahead in the recorded prices and then choosing the right or the wrong way.
"""

import hashlib
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from functools import lru_cache

from promotion_ladder.core.base import CENT
from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation.behaviour import BLOCK, Conduct
from promotion_ladder.simulation.prices import Prices

LOT = Decimal("0.01")
"""Smallest quantity, in barrels."""
SHARE_PER_TRADE = Decimal("0.1")
"""Share of a variant's capital that one position is worth."""
BAND = Decimal("0.002")
"""An entry order is priced this far beyond the market, so that it is sure to fill."""


@dataclass(frozen=True)
class Story:
    """Whose decisions they are; two variants of one release in one mode and seed decide the same."""

    seed: int
    bot: str
    release: str
    mode: Mode
    salt: str = ""
    """Set only to make two runs of a nondeterministic release differ."""


@dataclass(frozen=True)
class Decision:
    """One entry the bot wants to make."""

    number: int
    """Running number since the variant entered its mode."""
    instrument: str
    direction: int
    """1 buys, -1 sells."""
    rest: int
    """Ticks the order rests before it fills."""
    hold: int
    """Ticks the position is held."""
    rejected: bool
    """Whether the venue will reject the order."""
    latency: float
    """Seconds from tick to order."""
    feature: float
    """What the model looked at; of a standard normal where nothing drifts."""
    violation: str
    """Which rule it broke and how badly, for instance ``parser critical``; empty if none."""
    denied: bool
    """Whether the bot's own policy denies it."""

    def line(self, tick: int) -> str:
        """The decision as one line of text, for hashing."""
        return f"{tick}|{self.number}|{self.instrument}|{self.direction}|{self.rest}|{self.hold}|{self.rejected}"


def decide(story: Story, number: int, instrument: str, tick: int, prices: Prices, now: Conduct) -> Decision:
    """The decision with this running number, made at ``tick``."""
    dice = _dice(story, f"{number}|{instrument}")
    rest = 1 + dice[0] % 2
    hold = 2 + dice[1] % 3
    start = prices.at(tick + rest)
    # A trade of exactly zero would count as neither won nor lost, so the bot waits for a move.
    while prices.at(tick + rest + hold) == start and hold < 8:
        hold += 1
    rises = prices.at(tick + rest + hold) > start
    direction = 1 if rises == _right_way(story, number, now.skill) else -1
    chance = int.from_bytes(dice[2:6]) / 2**32
    part = dice[6] / 255
    rule = ("parser", "schema")[dice[20] % 2]
    severity = "critical" if now.violating and dice[21] < 26 else "warning" if dice[22] < 5 else ""
    return Decision(
        number=number,
        instrument=instrument,
        direction=direction,
        rest=rest,
        hold=hold,
        rejected=chance < now.rejects,
        latency=0.4 + 0.5 * part if now.slow else 0.004 + 0.016 * part,
        feature=sum(dice[8:20]) / 256 - 6 + now.drift,  # twelve uniform ones add up to nearly a normal one
        violation=f"{rule} {severity}" if severity else "",
        denied=int.from_bytes(dice[23:27]) / 2**32 < now.denies,
    )


def quantity(capital: Decimal, price: Decimal) -> Decimal:
    """Barrels to trade with ``capital`` at ``price``: a fixed share of it, down to a whole lot."""
    return (capital * SHARE_PER_TRADE / price).quantize(LOT, rounding=ROUND_DOWN)


def entry_price(price: Decimal, direction: int) -> Decimal:
    """The limit of an entry order when the market is at ``price``, in whole cents."""
    return (price * (1 + BAND * direction)).quantize(CENT, rounding=ROUND_HALF_EVEN)


def _right_way(story: Story, number: int, skill: int) -> bool:
    """Whether this decision goes with the coming move.

    In each block of 20 exactly ``skill`` do, in an order drawn by hash: a coin would need hundreds of trades before a
    win rate says anything, and then the same story would end differently with another seed.
    """
    block, place = divmod(number, BLOCK)
    return _ranks(story, block)[place] < skill


@lru_cache(maxsize=512)
def _ranks(story: Story, block: int) -> tuple[int, ...]:
    draws = [_dice(story, f"block|{block}|{place}") for place in range(BLOCK)]
    order = sorted(range(BLOCK), key=draws.__getitem__)
    ranks = [0] * BLOCK
    for rank, place in enumerate(order):
        ranks[place] = rank
    return tuple(ranks)


def _dice(story: Story, what: str) -> bytes:
    text = f"{story.seed}|{story.bot}|{story.release}|{story.mode}|{story.salt}|{what}"
    return hashlib.sha256(text.encode()).digest()
