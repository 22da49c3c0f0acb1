"""The exact comparison of two rates of events: it holds for three events as for three thousand.

Given all events of a look, how many fall to the candidate depends on the ratio psi of the rates alone. Each psi of a
grid beyond the bound is a bet against the bound; the mean of the bets is an e-process. Exact for independent events,
while exposures and the rates themselves may change from look to look (Lindon & Malek, *Anytime-Valid Inference for
Multinomial Count Data*, NeurIPS 2022; for counts out of n since 1 + u ≤ e^u). Events that come in clusters break it:
that is what the clustered variance beside it is for.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Self

from promotion_ladder.core.base import Record
from promotion_ladder.core.statistics.slices import Quad

LOWER_BETS = tuple(0.4 * (0.9 / 0.4) ** (place / 23) for place in range(24))
"""Bets that the true ratio is below the bound, as parts of the bound."""


class RateBets(Record):
    """The running sums of the bets that the candidate's rate is at most ``bound`` times the baseline's."""

    bound: float
    """psi0, fixed with the ladder."""
    psis: tuple[float, ...]
    """The ratios that are bet on."""
    events: float = 0.0
    """The candidate's events so far."""
    tilts: tuple[float, ...] = ()
    """Σ events·log((p·psi0 + 1 - p)/(p·psi + 1 - p)) for each psi; p is the candidate's part of the exposure."""

    @classmethod
    def below(cls, bound: float) -> Self:
        """Bets that the ratio is below ``bound``."""
        return cls(bound=bound, psis=tuple(bound * part for part in LOWER_BETS))

    def plus(self, looks: Iterable[Quad]) -> Self:
        """These bets after further looks: events and exposure of the candidate, then of the baseline."""
        events, tilts = self.events, self.tilts or (0.0,) * len(self.psis)
        for x_c, n_c, x_b, n_b in looks:
            if n_c <= 0 or n_b <= 0:
                continue  # without exposure on both sides no event says whose rate it is
            part = n_c / (n_c + n_b)
            events += x_c
            both = x_c + x_b
            if both:
                whole = part * self.bound + 1 - part
                tilts = tuple(
                    [
                        tilt + both * math.log(whole / (part * psi + 1 - part))
                        for tilt, psi in zip(tilts, self.psis, strict=True)
                    ]
                )
        return self.model_copy(update={"events": events, "tilts": tilts})

    @property
    def log_e(self) -> float:
        """Log of the mean of all bets."""
        if not self.tilts:
            return 0.0
        capital = [
            self.events * log_psi + tilt
            for log_psi, tilt in zip(_log_psis(self.psis, self.bound), self.tilts, strict=True)
        ]
        top = max(capital)
        return top + math.log(sum([math.exp(value - top) for value in capital]) / len(capital))


@lru_cache(maxsize=256)
def _log_psis(psis: tuple[float, ...], bound: float) -> tuple[float, ...]:
    return tuple(math.log(psi / bound) for psi in psis)


def bernoulli_log_e(events: float, exposures: float, bound: float) -> float:
    """Log E that events come in less than ``bound`` of exposures: the mean of bets on smaller shares, none among them.

    A likelihood ratio against the bound at each bet, so its expectation is at most 1 at every look (Wald 1945). Exact
    for events that come independently; the two sums are all it needs.
    """
    parts = (0.0, *(bound * part for part in LOWER_BETS))
    capital = [
        (exposures - events) * (math.log1p(-part) - math.log1p(-bound))
        + (events * math.log(part / bound) if part else (0.0 if events == 0 else -math.inf))
        for part in parts
    ]
    top = max(capital)
    return top + math.log(sum([math.exp(value - top) for value in capital]) / len(capital))


def conditional_rate_log_e(
    x_canary: Sequence[int],
    x_base: Sequence[int],
    n_canary: Sequence[float],
    n_base: Sequence[float],
    psi0: float,
    psis: Sequence[float],
) -> float:
    """Log E against a ratio of rates of ``psi0``, betting on ``psis``; one item a look."""
    looks = zip(x_canary, n_canary, x_base, n_base, strict=True)
    return RateBets(bound=psi0, psis=tuple(psis)).plus(looks).log_e


def multinomial_log_e(counts: Sequence[int], theta0: Sequence[float], k: float) -> float:
    """Log E that ``counts`` do not come in the parts ``theta0`` (does a 10 % canary get 10 % of the orders?).

    Dirichlet-multinomial with ``k`` prior counts (Lindon & Malek 2022).
    """
    prior = [k * theta for theta in theta0]

    def log_beta(parts: list[float]) -> float:
        return sum(math.lgamma(part) for part in parts) - math.lgamma(sum(parts))

    after = [part + count for part, count in zip(prior, counts, strict=True)]
    chance = sum(count * math.log(theta) for count, theta in zip(counts, theta0, strict=True))
    return log_beta(after) - log_beta(prior) - chance
