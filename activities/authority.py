"""Who may do what, from the policy's own files, read afresh for each ruling."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from promotion_ladder.contracts import Claim
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import People, Policy, Ruling, Verb, rule
from promotion_ladder.ports import Directory, Groups

PATIENCE = 2.0
"""Seconds that Slack may take to say who is in a group."""


async def ruled(people: People, policy: Policy, groups: Groups | None, claim: Claim) -> Ruling:
    """Whether somebody may use a verb today; Slack is asked only where its answer could make a difference."""
    day = datetime.now(UTC).date()
    ruling = rule(people, policy, claim.identity, claim.verb, claim.also_roles, day=day)
    # Whose approval counts the ladder's exit says, and that is asked of the ruling later.
    if ruling.unknown and (ruling.code is not Code.ALLOWED or claim.verb in (Verb.APPROVE, Verb.SKIP)):
        member_of = await _member_of(groups, people, claim.identity)
        ruling = rule(people, policy, claim.identity, claim.verb, claim.also_roles, day=day, member_of=member_of)
    return ruling


async def _member_of(groups: Groups | None, people: People, identity: str) -> frozenset[str] | None:
    """The groups of a person; None if nobody says."""
    person = people.find(identity)
    if groups is None or person is None:
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            return await groups.member_of(person.slack, tuple(people.groups))
    except (LadderError, TimeoutError):
        return None


class AuthorityActivities:
    """Rulings."""

    def __init__(self, directory: Directory, groups: Groups | None) -> None:
        self._directory = directory
        self._groups = groups

    @activity.defn(name="rule")
    async def rule(self, claim: Claim) -> Ruling:
        """Whether the person may use the verb; raises when people or policy cannot be read."""
        people, policy = await asyncio.to_thread(lambda: (self._directory.people(), self._directory.policy()))
        return await ruled(people, policy, self._groups, claim)
