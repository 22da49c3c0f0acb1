from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulation.desk import PRICES

from promotion_ladder.core.platform import Mode
from promotion_ladder.simulation.behaviour import BLOCK, Conduct
from promotion_ladder.simulation.prices import load_prices
from promotion_ladder.simulation.strategy import Story, decide, entry_price, quantity

STORY = Story(seed=7, bot="b", release="r", mode=Mode.CANARY)


def right(story: Story, number: int, skill: int, tick: int) -> bool:
    decision = decide(story, number, "WTI", tick, PRICES, Conduct(skill=skill))
    opened = tick + decision.rest
    move = PRICES.at(opened + decision.hold) - PRICES.at(opened)
    return move * decision.direction > 0


@given(block=st.integers(0, 50), skill=st.integers(0, BLOCK), seed=st.integers(0, 1000), tick=st.integers(0, 10000))
def test_in_every_block_exactly_as_many_are_right_as_the_skill_says(
    block: int, skill: int, seed: int, tick: int
) -> None:
    story = replace(STORY, seed=seed)
    count = sum(right(story, block * BLOCK + place, skill, tick + 3 * place) for place in range(BLOCK))
    assert count == skill


@given(number=st.integers(0, 1000), first=st.integers(0, 9000), second=st.integers(0, 9000))
def test_whether_a_decision_is_right_does_not_depend_on_when_it_is_made(number: int, first: int, second: int) -> None:
    assert right(STORY, number, 13, first) == right(STORY, number, 13, second)


def test_other_seeds_bots_releases_and_modes_decide_otherwise() -> None:
    def sequence(story: Story) -> list[bool]:
        return [right(story, number, 13, 5 * number) for number in range(60)]

    others = [
        replace(STORY, seed=8),
        replace(STORY, bot="c"),
        replace(STORY, release="s"),
        replace(STORY, mode=Mode.LIVE),
        replace(STORY, salt="again"),
    ]
    assert len({tuple(sequence(story)) for story in [STORY, *others]}) == 6


def test_rejects_come_at_their_share() -> None:
    decisions = [decide(STORY, n, "WTI", n, PRICES, Conduct(rejects=0.35)) for n in range(2000)]
    assert sum(each.rejected for each in decisions) / 2000 == pytest.approx(0.35, abs=0.04)


def test_slow_is_slow() -> None:
    fast = [decide(STORY, n, "WTI", n, PRICES, Conduct()).latency for n in range(100)]
    slow = [decide(STORY, n, "WTI", n, PRICES, Conduct(slow=True)).latency for n in range(100)]
    assert max(fast) < 0.025
    assert min(slow) > 0.25


@given(tick=st.integers(0, 10**6))
def test_the_series_never_jumps(tick: int) -> None:
    steps = {abs(b / a - 1) for a, b in zip(PRICES.values, PRICES.values[1:], strict=False)}
    assert abs(PRICES.at(tick + 1) / PRICES.at(tick) - 1) <= max(steps) * Decimal("1.2")


def test_quantities_are_whole_lots_of_a_fixed_share() -> None:
    assert quantity(Decimal(10000), Decimal("81.52")) == Decimal("12.26")
    assert quantity(Decimal(0), Decimal(80)) == 0
    assert entry_price(Decimal(100), 1) == Decimal("100.20")
    assert entry_price(Decimal(100), -1) == Decimal("99.80")


@pytest.mark.parametrize("row", ["2020-01-01,NaN", "2020-01-01,-3", "2020-01-01,0", "yesterday,3", "2020-01-01"])
def test_a_bad_price_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("# mine\ndate,price\n2020-01-01,50\n" + row + "\n")
    with pytest.raises(ValueError, match=r"prices\.csv:4"):
        load_prices(path)


def test_too_few_prices_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,price\n2020-01-01,50\n")
    with pytest.raises(ValueError, match="at least 20"):
        load_prices(path)
