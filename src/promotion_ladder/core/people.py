"""People, roles and rights: who may do what, decided from the policy's own files."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator
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

    def is_known_as(self, identity: str) -> bool:
        """Whether ``identity`` is one of this person's names."""
        return identity in {self.name, self.email, self.slack, self.os_user} - {""}


class People(Spec):
    """people.yaml."""

    people: tuple[Principal, ...] = Field(min_length=1)
    """Everybody who may do anything; no two share a name, e-mail, Slack id or login."""

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
        """Everybody with one of ``roles``."""
        return [person for person in self.people if set(person.roles) & set(roles)]


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


class Ruling(Record):
    """What the directory says of a person and a verb."""

    allowed: bool
    code: Code
    principal: str
    """The person's name, or the identity nobody knows."""
    roles: tuple[str, ...] = ()
    sentence: str


def rule(people: People, policy: Policy, identity: str, verb: Verb, also: tuple[str, ...] = ()) -> Ruling:
    """Whether ``identity`` may use ``verb``; ``also`` are roles that a ladder's exit entitles besides the policy's."""
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
    needed = {*policy.rights.get(verb, ()), *also}
    if "anyone" in needed or needed & set(person.roles):
        return Ruling(
            allowed=True,
            code=Code.ALLOWED,
            principal=person.name,
            roles=person.roles,
            sentence=f"{person.name} may {verb}",
        )
    return Ruling(
        allowed=False,
        code=Code.NOT_ENTITLED,
        principal=person.name,
        roles=person.roles,
        sentence=f"{person.name} may not {verb}: it needs one of the roles {', '.join(sorted(needed)) or '(none)'}",
    )
