"""Sharing a bot's capital out to the cent, so that the parts sum to the whole."""

from decimal import Decimal

from promotion_ladder.core.base import Record, cents
from promotion_ladder.core.ladder import Stage
from promotion_ladder.core.platform import Mode


class Shares(Record):
    """Money per variant; the three sum to the bot's capital exactly."""

    stable: Decimal
    baseline: Decimal
    candidate: Decimal


def split(total: Decimal, stage: Stage) -> Shares:
    """What each variant gets of ``total`` in ``stage``.

    The candidate's part is rounded down to the cent, a baseline gets the same, stable has the rest. Before canary the
    candidate has nothing; live it has all. Raises ValueError unless ``total`` is whole cents above zero.
    """
    if total <= 0 or total != cents(total):
        raise ValueError(f"capital must be whole cents above zero, was {total}")
    if stage.mode is Mode.LIVE:
        return Shares(stable=Decimal(0), baseline=Decimal(0), candidate=total)
    candidate = cents(total * stage.share)
    baseline = candidate if stage.baseline else Decimal(0)
    return Shares(stable=total - candidate - baseline, baseline=baseline, candidate=candidate)
