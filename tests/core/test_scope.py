"""Scopes: which bots an order against exposure covers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import BotFacts, Scope
from promotion_ladder.core.release import ReleaseRef
from promotion_ladder.core.scope import aimed, covers, nothing_covered, targets

names = st.sampled_from(["wti", "brent", "sim", "carry", ""])


@st.composite
def bots(draw: st.DrawFn) -> BotFacts:
    return BotFacts(
        bot=draw(names.filter(bool)), account="a", venue=draw(names), strategy=draw(names),
        instruments=tuple(draw(st.lists(names.filter(bool), min_size=1))), epoch=0, promotion_id=None,
        stable=ReleaseRef(version="1.0.0", digest="0" * 64), total_capital=Decimal(1),
    )  # fmt: skip


@given(bots())
def test_global_covers_every_bot_and_each_bot_its_own_targets(facts: BotFacts) -> None:
    assert covers(Scope.GLOBAL, "all", facts)
    for scope in Scope:
        assert all(covers(scope, target, facts) for target in targets(scope, facts) if target)


@given(bots(), st.sampled_from(Scope), names)
def test_a_scope_covers_exactly_what_carries_its_target(facts: BotFacts, scope: Scope, target: str) -> None:
    carried = {
        Scope.MARKET: target in facts.instruments,
        Scope.BOT: target == facts.bot,
        Scope.STRATEGY: target == facts.strategy,
        Scope.VENUE: target == facts.venue,
        Scope.GLOBAL: True,
    }[scope]
    assert covers(scope, target, facts) is (carried and (bool(target) or scope is Scope.GLOBAL))


@given(bots(), st.sampled_from(Scope))
def test_what_the_platform_does_not_tell_is_never_covered_by_an_empty_target(facts: BotFacts, scope: Scope) -> None:
    assert covers(scope, "", facts) is (scope is Scope.GLOBAL)


def test_a_scope_and_its_target_are_asked_for_together() -> None:
    assert aimed("global", "") == (Scope.GLOBAL, "all")
    assert aimed("venue", "sim") == (Scope.VENUE, "sim")
    for scope, target, says in (
        ("planet", "earth", "no scope 'planet'"), ("venue", "", "needs a target"), ("global", "sim", "takes no target"),
    ):  # fmt: skip
        with pytest.raises(LadderError, match=says) as refused:
            aimed(scope, target)
        assert refused.value.code is Code.UNKNOWN_TARGET
        assert refused.value.next_step


@given(st.lists(bots(), max_size=3))
def test_what_could_have_been_named_is_named(every: list[BotFacts]) -> None:
    said = nothing_covered(Scope.MARKET, "gold", every).detail
    assert all(instrument in said for facts in every for instrument in facts.instruments)
