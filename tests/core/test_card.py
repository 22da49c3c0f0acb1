"""The card: what a person must see to say yes or no, in every state a promotion can be in."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.cards import EVIDENCE, NOW, THE_LADDER, a_card, a_state, approval_of

from promotion_ladder.core.card import Card, Place, card
from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import Verb
from promotion_ladder.core.state import Ending, Hold, Phase, PromotionState, Stop

STOP = Stop(
    code=Code.VETOED, actor="omar", reason="omar vetoed: odd", at=NOW, hold_out=True, ending=Ending.VETOED,
)  # fmt: skip


def test_it_says_from_where_to_where_with_which_share() -> None:
    shown = a_card()
    assert shown.here is not None
    assert shown.above is not None
    assert (shown.here.name, shown.here.share) == ("canary-10", Decimal("0.1"))
    assert (shown.above.name, shown.above.share) == ("live", Decimal(1))
    assert [rung.place for rung in shown.rungs] == [Place.PASSED] * 3 + [Place.HERE, Place.AHEAD]
    assert (shown.author, shown.reason, shown.capital) == ("ana", "tighter stop", Decimal(100_000))


def test_it_says_who_may_act_until_when_and_what_silence_does() -> None:
    shown = a_card(approvals=[approval_of("rita")])
    assert shown.pending.who == ("risk",)
    assert shown.pending.not_by == "ana"
    assert shown.pending.deadline == NOW + timedelta(minutes=25)
    assert shown.pending.on_silence == "rolled back"
    assert (shown.approvals, shown.quorum, shown.evidence) == (("rita",), 1, EVIDENCE)


def test_what_is_about_to_be_asked_is_shown_as_asked_from_now_on() -> None:
    shown = a_card(phase=Phase.AWAITING_NOTICE)
    assert shown.phase is Phase.AWAITING_APPROVAL
    assert shown.pending.deadline == NOW + timedelta(hours=4)
    assert shown.evidence == EVIDENCE
    assert Verb.APPROVE in shown.verbs


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        (a_state(), {Verb.APPROVE, Verb.VETO, Verb.HOLD, Verb.KILL}),
        (a_state("paper", Phase.VETO_WINDOW), {Verb.VETO, Verb.HOLD, Verb.KILL}),
        (a_state(phase=Phase.OBSERVING), {Verb.VETO, Verb.HOLD, Verb.KILL}),
        (
            a_state(phase=Phase.ON_HOLD, hold=Hold(code=Code.HELD, actor="omar", reason="look", at=NOW)),
            {Verb.RESUME, Verb.RETRY, Verb.SKIP, Verb.ROLLBACK, Verb.KILL},
        ),
        (a_state(phase=Phase.COMING_DOWN, stop=STOP), {Verb.KILL}),
        (a_state("paper", phase=Phase.COMING_DOWN, stop=STOP), set()),
        (a_state(phase=Phase.ENDED, ending=Ending.VETOED), set()),
        (PromotionState(order=a_state().order), {Verb.VETO, Verb.HOLD, Verb.KILL}),
    ],
)
def test_the_verbs_are_those_that_have_effect_here(state: PromotionState, verbs: set[Verb]) -> None:
    assert set(card(state, NOW).verbs) == verbs


def test_why_it_stands_still_comes_down_or_has_ended() -> None:
    hold = Hold(code=Code.HELD, actor="omar", reason="fills look odd", at=NOW)
    assert a_card(phase=Phase.ON_HOLD, hold=hold).why == "fills look odd"
    assert a_card(phase=Phase.COMING_DOWN, stop=STOP, hold=hold).why == "omar vetoed: odd"
    assert (
        a_card(phase=Phase.ENDED, stop=STOP, ending=Ending.VETOED, ended_sentence="vetoed, flat").why == "vetoed, flat"
    )


def test_of_a_stable_release_every_rung_is_passed() -> None:
    shown = a_card("live", phase=Phase.ENDED, ending=Ending.STABLE)
    assert {rung.place for rung in shown.rungs} == {Place.PASSED}
    assert shown.here is None


def test_before_admission_there_is_no_rung() -> None:
    shown = card(PromotionState(order=a_state().order), NOW)
    assert (shown.rungs, shown.here, shown.above, shown.stage) == ((), None, None, "")


def test_it_survives_the_way_through_temporal() -> None:
    shown = a_card()
    assert Card.model_validate_json(shown.model_dump_json()) == shown
    assert len(shown.rungs) == len(THE_LADDER.stages)
