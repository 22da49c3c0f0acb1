"""People, roles and rights: who may do what, and why not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_ladder.core.codes import Code
from promotion_ladder.core.people import People, Policy, Verb, rule
from promotion_ladder.core.release import ChangeClass, Release

PEOPLE = People.model_validate({
    "people": [
        {"name": "ana", "email": "ana@example.com", "slack": "U1", "os_user": "a.na", "roles": ["quant"]},
        {"name": "rita", "email": "rita@example.com", "roles": ["risk", "oncall"]},
        {"name": "guest"},
    ]
})  # fmt: skip


def policy(**rights: list[str]) -> Policy:
    every = {str(verb): ["risk"] for verb in Verb if verb is not Verb.APPROVE}
    return Policy.model_validate({
        "routes": {str(change): {"ladder": "l"} for change in ChangeClass}, "rights": {**every, **rights}
    })  # fmt: skip


def release(author: str) -> Release:
    sha = "sha256:" + "0" * 64
    return Release(bot="b", version="1", artifact=sha, params=sha, change=ChangeClass.PARAMS, author=author)


class TestRule:
    @pytest.mark.parametrize(
        ("identity", "verb", "rights", "also", "allowed", "code"),
        [
            ("rita", Verb.SKIP, {}, (), True, Code.ALLOWED),
            ("rita@example.com", Verb.SKIP, {}, (), True, Code.ALLOWED),
            ("ana", Verb.SKIP, {}, (), False, Code.NOT_ENTITLED),
            ("U1", Verb.SKIP, {"skip": ["risk", "quant"]}, (), True, Code.ALLOWED),
            ("a.na", Verb.SKIP, {"skip": ["quant"]}, (), True, Code.ALLOWED),
            ("ana", Verb.VETO, {}, ("quant",), True, Code.ALLOWED),
            ("guest", Verb.VETO, {"veto": ["anyone"]}, (), True, Code.ALLOWED),
            ("guest", Verb.VETO, {}, ("anyone",), True, Code.ALLOWED),
            ("guest", Verb.VETO, {"veto": []}, (), False, Code.NOT_ENTITLED),
            ("stranger", Verb.VETO, {"veto": ["anyone"]}, (), False, Code.UNKNOWN_PERSON),
            ("", Verb.VETO, {"veto": ["anyone"]}, (), False, Code.UNKNOWN_PERSON),
            ("ANA", Verb.VETO, {"veto": ["anyone"]}, (), False, Code.UNKNOWN_PERSON),
            ("rita", Verb.APPROVE, {}, (), False, Code.NOT_ENTITLED),
            ("rita", Verb.APPROVE, {}, ("risk",), True, Code.ALLOWED),
        ],
    )  # fmt: skip
    def test_who_may_do_what(
        self,
        identity: str,
        verb: Verb,
        rights: dict[str, list[str]],
        also: tuple[str, ...],
        allowed: bool,
        code: Code,
    ) -> None:
        ruling = rule(PEOPLE, policy(**rights), identity, verb, also)
        assert (ruling.allowed, ruling.code) == (allowed, code)

    def test_it_names_the_person_by_name_whatever_they_are_known_as(self) -> None:
        ruling = rule(PEOPLE, policy(), "rita@example.com", Verb.SKIP)
        assert (ruling.principal, ruling.roles, ruling.sentence) == ("rita", ("risk", "oncall"), "rita may skip")

    def test_a_refusal_says_what_would_be_needed(self) -> None:
        refused = rule(PEOPLE, policy(skip=["risk", "cro"]), "ana", Verb.SKIP)
        assert refused.sentence == "ana may not skip: it needs one of the roles cro, risk"
        nobody = rule(PEOPLE, policy(skip=[]), "ana", Verb.SKIP)
        assert nobody.sentence == "ana may not skip: it needs one of the roles (none)"
        unknown = rule(PEOPLE, policy(), "eve", Verb.SKIP)
        assert (unknown.principal, unknown.sentence) == ("eve", "nobody in people.yaml is known as 'eve'")

    @given(st.text(), st.sampled_from(list(Verb)), st.lists(st.sampled_from(["risk", "quant", "anyone", "x"])))
    def test_only_those_listed_are_ever_allowed(self, identity: str, verb: Verb, roles: list[str]) -> None:
        ruling = rule(PEOPLE, policy(**{str(verb): roles}), identity, verb)
        person = PEOPLE.find(identity)
        entitled = person is not None and ("anyone" in roles or bool(set(roles) & set(person.roles)))
        assert ruling.allowed == entitled


class TestPeople:
    def test_a_person_is_found_by_every_name_and_no_empty_one(self) -> None:
        names = ["ana", "ana@example.com", "U1", "a.na"]
        assert {person.name for name in names if (person := PEOPLE.find(name))} == {"ana"}
        assert PEOPLE.find("") is None

    @pytest.mark.parametrize(
        ("second", "says"),
        [
            ({"name": "ana"}, "'ana' names two people"),
            ({"name": "ben", "os_user": "ana"}, "'ana' names both ana and ben"),
            ({"name": "ben", "slack": "U1"}, "'U1' names both ana and ben"),
            ({"name": "U1"}, "'U1' names both ana and U1"),
        ],
    )
    def test_a_name_is_one_person_s(self, second: dict[str, str], says: str) -> None:
        with pytest.raises(ValidationError, match=says):
            People.model_validate({"people": [{"name": "ana", "slack": "U1", "email": "a@x"}, second]})

    def test_one_person_may_have_one_name_for_all(self) -> None:
        people = People.model_validate({"people": [{"name": "ana", "os_user": "ana", "slack": "ana"}]})
        assert people.find("ana") == people.people[0]

    def test_nobody_is_no_people(self) -> None:
        with pytest.raises(ValidationError):
            People(people=())

    @pytest.mark.parametrize(
        ("roles", "names"), [(("risk",), ["rita"]), (("risk", "quant"), ["ana", "rita"]), (("x",), []), ((), [])]
    )
    def test_who_has_a_role(self, roles: tuple[str, ...], names: list[str]) -> None:
        assert [person.name for person in PEOPLE.with_role(roles)] == names


class TestPolicy:
    @pytest.mark.parametrize("change", list(ChangeClass))
    def test_every_class_of_change_has_a_route(self, change: ChangeClass) -> None:
        plain = policy().model_dump(mode="json")
        del plain["routes"][change]
        with pytest.raises(ValidationError, match=f"'routes' has no line for {change};"):
            Policy.model_validate(plain)

    @pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.APPROVE])
    def test_every_verb_has_its_roles(self, verb: Verb) -> None:
        plain = policy().model_dump(mode="json")
        del plain["rights"][verb]
        with pytest.raises(ValidationError, match=f"'rights' has no line for {verb};"):
            Policy.model_validate(plain)

    @pytest.mark.parametrize("route", [{}, {"ladder": "l", "no_ladder": "why"}, {"no_ladder": ""}, {"no_ladder": None}])
    def test_a_route_is_a_ladder_or_a_reason(self, route: dict[str, Any]) -> None:
        plain = policy().model_dump(mode="json")
        plain["routes"]["docs"] = route
        with pytest.raises(ValidationError):
            Policy.model_validate(plain)


def test_the_verbs_that_only_reduce() -> None:
    assert {verb for verb in Verb if verb.prohibits} == {Verb.VETO, Verb.HOLD, Verb.ROLLBACK, Verb.KILL}
