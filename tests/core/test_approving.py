"""Whose approval counts: four eyes and the quorum count persons, also where one stands in for another."""

from typing import Any

import pytest
from tests.workflows.conftest import LADDER, RELEASE

from promotion_ladder.core.codes import Code
from promotion_ladder.core.ladder import Ladder
from promotion_ladder.core.people import Lent, Ruling
from promotion_ladder.core.rules import approver_refusal
from promotion_ladder.core.state import Approval, PromotionState, StartOrder


def waiting(author: str = "ana", *given: tuple[str, str]) -> PromotionState:
    """A promotion that waits for risk to approve its canary; ``given`` are approvals, and for whom."""
    ladder = Ladder.model_validate(LADDER)
    state = PromotionState(
        order=StartOrder(promotion_id="bot/2.0.0/x", release=RELEASE, identity=author), ladder=ladder, author=author,
        stage_index=ladder.index("canary-10") or 0,
    )  # fmt: skip
    state.approvals = [
        Approval.model_validate({
            "principal": who, "acts_for": for_whom, "roles": (), "release_digest": "d", "stage": "canary-10",
            "attempt": 1, "evidence": "e", "reason": "read", "at": "2026-03-02T12:00:00Z",
        })
        for who, for_whom in given
    ]  # fmt: skip
    return state


def person(name: str, *roles: str, lent: dict[str, list[str]] | None = None, **more: Any) -> Ruling:
    given = [Lent(person=of, roles=tuple(theirs)) for of, theirs in (lent or {}).items()]
    return Ruling.model_validate(
        {"allowed": False, "code": Code.NOT_ENTITLED, "principal": name, "roles": roles, "lent": given, "sentence": ""}
        | more
    )


def refused(state: PromotionState, who: Ruling) -> Code | None:
    found = approver_refusal(state, who, "gates read")
    return found.code if found else None


RITA = person("rita", "risk")
BEN_FOR_RITA = person("ben", "quant", lent={"rita": ["risk"]})


def test_a_delegate_s_approval_counts() -> None:
    assert refused(waiting(), RITA) is None
    assert refused(waiting(), BEN_FOR_RITA) is None
    assert refused(waiting(), person("ben", "quant", lent={"rita": ["oncall"]})) is Code.NOT_ENTITLED


def test_the_author_approves_in_nobody_s_name() -> None:
    assert refused(waiting("ben"), BEN_FOR_RITA) is Code.FOUR_EYES
    assert refused(waiting("rita"), RITA) is Code.FOUR_EYES


def test_nobody_approves_in_the_name_of_the_author() -> None:
    assert refused(waiting("rita"), BEN_FOR_RITA) is Code.FOUR_EYES
    assert refused(waiting("rita"), person("ben", lent={"rita": ["risk"], "rob": ["risk"]})) is None


@pytest.mark.parametrize(
    ("given", "who"),
    [
        (("ben", "rita"), BEN_FOR_RITA),
        (("ben", ""), BEN_FOR_RITA),
        (("ben", "rita"), person("ben", "risk")),
        (("ben", "rita"), person("ben", "quant", lent={"rob": ["risk"]})),
        (("ben", "rita"), RITA),
        (("rita", ""), BEN_FOR_RITA),
        (("cara", "rita"), BEN_FOR_RITA),
    ],
)
def test_one_person_s_approval_counts_once_whoever_gives_it(given: tuple[str, str], who: Ruling) -> None:
    assert refused(waiting("ana", given), who) is Code.ALREADY_APPROVED


@pytest.mark.parametrize(
    ("given", "who"),
    [
        (("rob", ""), BEN_FOR_RITA),
        (("ben", "rita"), person("rob", "risk")),
        (("ben", ""), RITA),
        (("rita", ""), person("ben", "risk", lent={"rita": ["risk"]})),
    ],
)
def test_two_people_are_two(given: tuple[str, str], who: Ruling) -> None:
    assert refused(waiting("ana", given), who) is None


def test_who_has_approved_already_is_named() -> None:
    found = approver_refusal(waiting("ana", ("ben", "rita")), RITA, "gates read")
    assert found is not None
    assert found.sentence == "ben for rita has approved already"


def test_while_slack_does_not_say_who_is_in_the_group_its_approval_waits() -> None:
    assert refused(waiting(), person("dora", unknown=("risk",))) is Code.GROUPS_UNKNOWN
    assert refused(waiting(), person("dora", unknown=("oncall",))) is Code.NOT_ENTITLED
