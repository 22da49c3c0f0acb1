"""People, roles and rights: who may do what, decided from the policy's own files."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from promotion_ladder.core.base import Record, Spec
from promotion_ladder.core.codes import Code
from promotion_ladder.core.release import ChangeClass, Name


class Verb(StrEnum):
    """What a person can do to a promotion."""

    START = "start"
    RESUME_FROM = "resume_from"
    """Start at a later stage with evidence carried over."""
    APPROVE = "approve"
    VETO = "veto"
    HOLD = "hold"
    RESUME = "resume"
    RETRY = "retry"
    SKIP = "skip"
    ROLLBACK = "rollback"
    KILL = "kill"
    EXTEND = "extend"
    CANCEL = "cancel"
    SUPERSEDE = "supersede"
    LIFT = "lift"
    """Lift a hold-out or a latch."""
    ACKNOWLEDGE = "acknowledge"
    """Say that one looks after an incident."""
    RESOLVE = "resolve"
    """End an incident; what was blocked by it may move up again."""

    @property
    def prohibits(self) -> bool:
        """Whether it only ever reduces: such a message is believed first and judged afterwards."""
        return self in (Verb.VETO, Verb.HOLD, Verb.ROLLBACK, Verb.KILL)


SYSTEM = "ladder"
"""The ladder itself, where it acts by message: it may only prohibit."""


LONGEST_AWAY = timedelta(days=366)
"""A right that is given for longer is no delegation; it belongs into the roles."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_GROUP = re.compile(r"S[A-Z0-9]{2,63}")


def _parse_day(value: Any) -> date:
    """A day as it is written; not a moment, nor a number, both of which pydantic would take for one."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # no such day, for instance the 30th of February
        pass
    raise ValueError(f"'{value}' is no day; write it as 2026-11-21")


Day = Annotated[date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A day in UTC."""


class Away(Spec):
    """A time in which somebody else may do what a person's roles let them do. Being away takes no right."""

    first: Day = Field(alias="from")
    """The first day, in UTC."""
    until: Day
    """The last day, in UTC; at most a year later."""
    delegate: Name
    """Who stands in, by the name in this file. The right goes no further: not to their own delegate."""

    def covers(self, day: date) -> bool:
        """Whether ``day`` is one of these."""
        return self.first <= day <= self.until


class Principal(Spec):
    """One person (or robot), with every name they are known by."""

    name: Name
    """The name the record uses."""
    email: str = ""
    """Whole address."""
    slack: str = ""
    """Slack member id, ``U…``."""
    os_user: str = ""
    """Login name on machines where ``ladder`` is used."""
    roles: tuple[Name, ...] = ()
    """Words of your own that policy.yaml and the ladders ask for."""
    away: tuple[Away, ...] = ()
    """When somebody else may act for this person, and who."""

    def is_known_as(self, identity: str) -> bool:
        """Whether ``identity`` is one of this person's names."""
        return identity in {self.name, self.email, self.slack, self.os_user} - {""}


class People(Spec):
    """people.yaml."""

    people: tuple[Principal, ...] = Field(min_length=1)
    """Everybody who may do anything; no two share a name, e-mail, Slack id or login."""
    groups: dict[str, Annotated[tuple[Name, ...], Field(min_length=1)]] = {}
    """Roles that the members of a Slack user group have beside their own, by the group's id, ``S…``."""

    @model_validator(mode="after")
    def _groups_are_ids(self) -> Self:
        for group in self.groups:
            if not _GROUP.fullmatch(group):
                message = f"'{group}' is no id of a Slack user group; Slack shows it in the group's menu: S and digits"
                raise PydanticCustomError("misplaced", "{message}", {"message": message, "at": ("groups", group)})
        return self

    @model_validator(mode="after")
    def _delegates_can_stand_in(self) -> Self:
        for index, person in enumerate(self.people):
            for number, away in enumerate(person.away):
                wrong = _wrong(away, person, person.away[:number], self)
                if wrong:
                    field, message = wrong
                    at = ("people", index, "away", number, field)
                    raise PydanticCustomError("misplaced", "{message}", {"message": message, "at": at})
        return self

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        seen: dict[str, str] = {}
        for index, person in enumerate(self.people):
            for identity in sorted({person.name, person.email, person.slack, person.os_user} - {""}):
                if identity in seen:
                    both = "two people" if seen[identity] == person.name else f"both {seen[identity]} and {person.name}"
                    message = f"'{identity}' names {both}"
                    raise PydanticCustomError("misplaced", "{message}", {"message": message, "at": ("people", index)})
                seen[identity] = person.name
        return self

    def find(self, identity: str) -> Principal | None:
        """The person known as ``identity``."""
        return next((person for person in self.people if person.is_known_as(identity)), None)

    def with_role(self, roles: tuple[str, ...]) -> list[Principal]:
        """Everybody with one of ``roles`` beside their own name: neither by a group nor for somebody away."""
        return [person for person in self.people if set(person.roles) & set(roles)]

    def groups_with(self, roles: Collection[str]) -> list[str]:
        """The groups whose members have one of ``roles``; nobody here knows how many those are."""
        return [group for group, given in self.groups.items() if set(given) & set(roles)]

    def lent_to(self, person: Principal, day: date) -> Iterator["Lent"]:
        """What others who are away on ``day`` let ``person`` do."""
        for other in self.people:
            if any(away.delegate == person.name and away.covers(day) for away in other.away):
                yield Lent(person=other.name, roles=other.roles)


def _wrong(away: Away, person: Principal, before: Collection[Away], people: People) -> tuple[str, str] | None:
    """The field of ``away`` that is wrong, and what is wrong with it."""
    stands_in = people.find(away.delegate)
    if away.until < away.first:
        return "until", "'until' is before 'from'"
    if away.until - away.first > LONGEST_AWAY:
        return "until", "it is longer than a year; what lasts belongs into 'roles'"
    if stands_in is None:
        return "delegate", f"'{away.delegate}' is nobody's name in people.yaml"
    if stands_in is person:
        return "delegate", f"'{away.delegate}' is the person who is away; name somebody else"
    if stands_in.name != away.delegate:
        return "delegate", f"'{away.delegate}' is not the name that the record uses; write '{stands_in.name}'"
    if any(other.first <= away.until and away.first <= other.until for other in before):
        return "from", "it overlaps another time; on each day one person stands in"
    return None


class Route(Spec):
    """What one class of change needs: a ladder, or none for a recorded reason."""

    ladder: Name | None = None
    """The ladder it climbs: a file of this name in ``ladders/``."""
    no_ladder: str | None = Field(default=None, min_length=1)
    """Why no ladder is needed."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.ladder is None) == (self.no_ladder is None):
            raise ValueError("state either 'ladder' or 'no_ladder' with the reason")
        return self


class Policy(Spec):
    """policy.yaml: the ladder of each class of change, and the roles each verb needs."""

    routes: dict[ChangeClass, Route]
    """What each class of change needs; every class has its line."""
    rights: dict[Verb, tuple[Name, ...]] = Field(min_length=1)
    """Roles that may use a verb; ``anyone`` is everybody in people.yaml. ``approve`` is for the ladder to say."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [str(change) for change in ChangeClass if change not in self.routes]
        if missing:
            raise ValueError(f"'routes' has no line for {', '.join(missing)}; give each a ladder or a reason for none")
        needed = [str(verb) for verb in Verb if verb not in self.rights and verb is not Verb.APPROVE]
        if needed:
            raise ValueError(f"'rights' has no line for {', '.join(needed)}; name the roles, or [anyone]")
        return self


class Lent(Record):
    """Roles of somebody who is away, for the time being another's too."""

    person: str
    """Whose they are."""
    roles: tuple[str, ...]


class Ruling(Record):
    """What the directory says of a person and a verb."""

    allowed: bool
    code: Code
    principal: str
    """The person's name, or the identity nobody knows."""
    roles: tuple[str, ...] = ()
    """Their own, with those that groups give them."""
    lent: tuple[Lent, ...] = ()
    """What they may do for people who are away."""
    unknown: tuple[str, ...] = ()
    """Roles that a Slack group might give them; nobody said whether they are in it."""
    acts_for: str = ""
    """In whose name the verb is allowed, when only a delegation allows it."""
    sentence: str

    @property
    def named(self) -> str:
        """The person as the record names them: ``ben``, or ``ben for rita``."""
        return named(self.principal, self.acts_for)

    def capacity(self, needed: Collection[str], but: str = "") -> str | None:
        """In whose name they have one of ``needed``: their own (""), or one away; None if in nobody's.

        What ``but`` lent does not count.
        """
        if set(needed) & set(self.roles):
            return ""
        found = (lent.person for lent in self.lent if set(needed) & set(lent.roles) and lent.person != but)
        return next(found, None)


def named(principal: str, acts_for: str) -> str:
    """A person, and for whom they act if for another."""
    return f"{principal} for {acts_for}" if acts_for else principal


def rule(
    people: People,
    policy: Policy,
    identity: str,
    verb: Verb,
    also: tuple[str, ...] = (),
    *,
    day: date | None = None,
    member_of: frozenset[str] | None = None,
) -> Ruling:
    """Whether ``identity`` may use ``verb``; ``also`` are roles that a ladder's exit entitles besides the policy's.

    ``day`` (UTC) is the day on which people are away; without one nobody stands in for anybody. ``member_of`` are the
    Slack groups that the person is in, None when nobody could say: then what only a group could give is no right, but
    a prohibition that it might have given stands.
    """
    person = people.find(identity)
    if person is None and identity == SYSTEM and verb.prohibits:
        return Ruling(allowed=True, code=Code.ALLOWED, principal=SYSTEM, sentence=f"{SYSTEM} may {verb}")
    if person is None:
        return Ruling(
            allowed=False,
            code=Code.UNKNOWN_PERSON,
            principal=identity,
            sentence=f"nobody in people.yaml is known as '{identity}'",
        )
    given, unknown = _by_groups(people, person, member_of)
    ruling = Ruling(
        allowed=True, code=Code.ALLOWED, principal=person.name, roles=(*person.roles, *given),
        lent=tuple(people.lent_to(person, day)) if day is not None else (), unknown=unknown, sentence="",
    )  # fmt: skip
    needed = {*policy.rights.get(verb, ()), *also}
    acts_for = "" if "anyone" in needed else ruling.capacity(needed)
    if acts_for is not None:
        sentence = f"{named(person.name, acts_for)} may {verb}"
        return ruling.model_copy(update={"acts_for": acts_for, "sentence": sentence})
    lacks = f"it needs one of the roles {', '.join(sorted(needed)) or '(none)'}"
    if needed & set(unknown):
        sentence = f"whether {person.name} may {verb} is not known: {lacks}, and Slack did not say who is in the group"
        update = {"allowed": verb.prohibits, "code": Code.GROUPS_UNKNOWN, "sentence": sentence}
    else:
        update = {
            "allowed": False, "code": Code.NOT_ENTITLED, "sentence": f"{person.name} may not {verb}: {lacks}"
        }  # fmt: skip
    return ruling.model_copy(update=update)


def _by_groups(
    people: People, person: Principal, member_of: frozenset[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The roles that groups give a person beside their own, and those of which nobody said."""
    known = [group for group in people.groups if member_of is not None and group in member_of]
    asked = people.groups if member_of is None and person.slack else ()  # without a Slack id one is in no group

    def roles(groups: Iterable[str]) -> tuple[str, ...]:
        found = dict.fromkeys(role for group in groups for role in people.groups[group])
        return tuple(role for role in found if role not in person.roles)

    return roles(known), roles(asked)
