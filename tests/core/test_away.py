"""While somebody is away: what a delegate may do, what nobody may do by delegation, and roles by Slack groups."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import People, Policy, Ruling, Verb, named, rule
from promotion_ladder.core.release import ChangeClass

MONDAY, SUNDAY = date(2026, 11, 16), date(2026, 11, 22)
AWAY = {"from": "2026-11-16", "until": "2026-11-22", "delegate": "ben"}


def staff(*away: dict[str, str], bens: Any = (), groups: dict[str, list[str]] | None = None, **more: Any) -> People:
    return People.model_validate({
        "people": [
            {"name": "rita", "roles": ["risk"], "away": list(away)},
            {"name": "ben", "email": "ben@example.com", "slack": "U0BEN", "roles": ["quant"], "away": bens},
            {"name": "omar", "slack": "U0OMAR", "roles": ["oncall"]},
            {"name": "cara", "roles": []} | more,
        ],
        "groups": groups or {},
    })  # fmt: skip


def policy(**rights: list[str]) -> Policy:
    every = {str(verb): ["risk"] for verb in Verb if verb is not Verb.APPROVE}
    return Policy.model_validate({
        "routes": {str(change): {"ladder": "l"} for change in ChangeClass}, "rights": {**every, **rights}
    })  # fmt: skip


def ruling(people: People, identity: str, verb: Verb = Verb.SKIP, day: date | None = MONDAY, **more: Any) -> Ruling:
    return rule(people, policy(), identity, verb, day=day, **more)


class TestDelegation:
    def test_a_delegate_may_what_the_absent_person_may_and_the_ruling_says_for_whom(self) -> None:
        found = ruling(staff(AWAY), "ben@example.com")
        assert (found.allowed, found.principal, found.acts_for) == (True, "ben", "rita")
        assert (found.named, found.sentence) == ("ben for rita", "ben for rita may skip")
        assert found.roles == ("quant",), "the roles are still rita's"

    @pytest.mark.parametrize(
        ("day", "allowed"),
        [
            (MONDAY - timedelta(days=1), False),
            (MONDAY, True),
            (SUNDAY, True),
            (SUNDAY + timedelta(days=1), False),
            (None, False),
        ],
    )
    def test_from_the_first_day_to_the_last(self, day: date | None, allowed: bool) -> None:
        assert ruling(staff(AWAY), "ben", day=day).allowed is allowed

    def test_who_may_anyway_acts_for_nobody_but_themselves(self) -> None:
        found = rule(staff(AWAY), policy(skip=["risk", "quant"]), "ben", Verb.SKIP, day=MONDAY)
        assert (found.allowed, found.named) == (True, "ben")
        anyone = rule(staff(AWAY), policy(veto=["anyone"]), "ben", Verb.VETO, day=MONDAY)
        assert anyone.named == "ben"

    def test_being_away_takes_no_right(self) -> None:
        assert ruling(staff(AWAY), "rita").named == "rita"
        assert ruling(staff(AWAY), "rita").allowed

    def test_it_goes_no_further(self) -> None:
        people = staff(AWAY, bens=[AWAY | {"delegate": "omar"}])
        assert ruling(people, "ben").named == "ben for rita"
        assert not ruling(people, "omar").allowed
        assert rule(people, policy(skip=["quant"]), "omar", Verb.SKIP, day=MONDAY).named == "omar for ben"

    def test_nobody_else_gains_anything(self) -> None:
        assert not ruling(staff(AWAY), "omar").allowed
        assert ruling(staff(AWAY), "stranger").code is Code.UNKNOWN_PERSON

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"until": "2026-11-15"}, "'until' is before 'from'"),
            ({"until": "2027-11-18"}, "longer than a year"),
            ({"delegate": "nobody"}, "'nobody' is nobody's name"),
            ({"delegate": "rita"}, "is the person who is away"),
            ({"delegate": "ben@example.com"}, "pattern"),
            ({"delegate": "U0BEN"}, "write 'ben'"),
            ({"from": "2026-11-31"}, "'2026-11-31' is no day"),
            ({"from": "20261116"}, "is no day"),
            ({"from": "2026-11-16T00:00:00Z"}, "is no day"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, change: dict[str, str], says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            staff(AWAY | change)

    @pytest.mark.parametrize("field", ["from", "until", "delegate"])
    def test_each_part_must_be_said(self, field: str) -> None:
        with pytest.raises(ValidationError):
            staff({name: value for name, value in AWAY.items() if name != field})

    def test_on_each_day_one_person_stands_in(self) -> None:
        with pytest.raises(ValidationError, match="overlaps another time"):
            staff(AWAY, {"from": "2026-11-22", "until": "2026-11-24", "delegate": "omar"})
        people = staff(AWAY, {"from": "2026-11-23", "until": "2026-11-24", "delegate": "omar"})
        assert ruling(people, "omar", day=date(2026, 11, 23)).named == "omar for rita"
        assert not ruling(people, "ben", day=date(2026, 11, 23)).allowed


GROUPS = {"S0RISK001": ["risk", "desk"], "S0QUANT": ["quant"]}


class TestGroups:
    def test_a_member_has_the_roles_of_the_group_beside_their_own(self) -> None:
        found = ruling(staff(groups=GROUPS), "omar", member_of=frozenset({"S0RISK001", "S0OTHER"}))
        assert (found.allowed, found.roles, found.named) == (True, ("oncall", "risk", "desk"), "omar")

    def test_who_is_in_none_has_none(self) -> None:
        found = ruling(staff(groups=GROUPS), "omar", member_of=frozenset())
        assert (found.allowed, found.code, found.unknown) == (False, Code.NOT_ENTITLED, ())

    def test_while_nobody_says_who_is_in_it_what_only_a_group_could_give_is_refused(self) -> None:
        found = ruling(staff(groups=GROUPS), "omar")
        assert (found.allowed, found.code, found.unknown) == (False, Code.GROUPS_UNKNOWN, ("risk", "desk", "quant"))
        assert "Slack did not say" in found.sentence
        other = rule(staff(groups=GROUPS), policy(skip=["cro"]), "omar", Verb.SKIP)
        assert other.code is Code.NOT_ENTITLED, "no group gives that"

    @pytest.mark.parametrize("verb", [verb for verb in Verb if verb.prohibits])
    def test_a_prohibition_stands_meanwhile(self, verb: Verb) -> None:
        found = ruling(staff(groups=GROUPS), "omar", verb)
        assert (found.allowed, found.code) == (True, Code.GROUPS_UNKNOWN)

    def test_what_people_yaml_alone_gives_works_meanwhile(self) -> None:
        people = staff(AWAY, groups=GROUPS)
        assert ruling(people, "rita").code is Code.ALLOWED
        assert ruling(people, "ben").named == "ben for rita"

    def test_who_has_no_slack_id_is_in_no_group(self) -> None:
        found = ruling(staff(groups=GROUPS), "cara")
        assert (found.code, found.unknown) == (Code.NOT_ENTITLED, ())

    def test_what_a_group_gives_is_lent_to_nobody(self) -> None:
        people = staff(groups=GROUPS, slack="U0CARA", away=[AWAY])
        assert ruling(people, "cara", member_of=frozenset({"S0RISK001"})).allowed
        assert ruling(people, "ben", member_of=frozenset()).code is Code.NOT_ENTITLED

    @pytest.mark.parametrize("group", ["risk", "@risk", "s0risk", "U0RITA", "", "S0 RISK"])
    def test_a_group_is_named_by_its_id(self, group: str) -> None:
        with pytest.raises(ValidationError, match="is no id of a Slack user group"):
            staff(groups={group: ["risk"]})

    def test_a_group_gives_at_least_one_role(self) -> None:
        with pytest.raises(ValidationError):
            staff(groups={"S0RISK001": []})

    def test_which_groups_give_a_role(self) -> None:
        assert staff(groups=GROUPS).groups_with(["desk", "cro"]) == ["S0RISK001"]


NAMES = ["ana", "ben", "cara", "dora"]
ROLES = ["risk", "quant", "oncall"]
DAYS = st.integers(0, 6).map(lambda days: MONDAY + timedelta(days=days))


@st.composite
def people_and_absences(draw: st.DrawFn) -> People:
    def person(name: str) -> dict[str, Any]:
        away = []
        if draw(st.booleans()):
            first = draw(DAYS)
            last = first + timedelta(days=draw(st.integers(0, 3)))
            delegate = draw(st.sampled_from([other for other in NAMES if other != name]))
            away = [{"from": str(first), "until": str(last), "delegate": delegate}]
        roles = draw(st.lists(st.sampled_from(ROLES), unique=True))
        return {"name": name, "roles": roles, "slack": draw(st.sampled_from(["", f"U{name}"])), "away": away}

    groups = draw(st.dictionaries(st.sampled_from(["S0ONE", "S0TWO"]), st.lists(st.sampled_from(ROLES), min_size=1)))
    return People.model_validate({"people": [person(name) for name in NAMES], "groups": groups})


MEMBER_OF = st.none() | st.frozensets(st.sampled_from(["S0ONE", "S0TWO"]))


@given(people_and_absences(), st.sampled_from(NAMES), st.sampled_from(list(Verb)), DAYS, MEMBER_OF, st.data())
def test_only_ones_own_roles_those_of_known_groups_and_those_lent_today_ever_permit(
    people: People, who: str, verb: Verb, day: date, member_of: frozenset[str] | None, data: st.DataObject
) -> None:
    needed = set(data.draw(st.lists(st.sampled_from(ROLES))))
    rights = policy(**{str(verb): sorted(needed)})
    found = rule(people, rights, who, verb, day=day, member_of=member_of)
    person = people.find(who)
    assert person is not None
    by_group = {role for group in member_of or () for role in people.groups.get(group, ())}
    lenders = [
        other.name
        for other in people.people
        for away in other.away
        if away.delegate == who and away.first <= day <= away.until and needed & set(other.roles)
    ]
    own = bool(needed & (set(person.roles) | by_group))
    assert (found.code is Code.ALLOWED) == (own or bool(lenders))
    if found.code is Code.ALLOWED:
        assert found.acts_for == ("" if own else lenders[0])
        assert found.named == named(who, found.acts_for)
    elif found.code is Code.GROUPS_UNKNOWN:
        assert member_of is None
        assert person.slack
        assert found.allowed is verb.prohibits
    else:
        assert not found.allowed
    assert rule(people, rights, who, verb, member_of=member_of).acts_for == "", "no day, no delegate"
