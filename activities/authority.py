"""Who may do what, from the policy's own files, read afresh for each ruling."""

import asyncio

from temporalio import activity

from promotion_ladder.contracts import Claim
from promotion_ladder.core.people import Ruling, rule
from promotion_ladder.ports import Directory


class AuthorityActivities:
    """Rulings."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    @activity.defn(name="rule")
    async def rule(self, claim: Claim) -> Ruling:
        """Whether the person may use the verb; raises when people or policy cannot be read."""
        people, policy = await asyncio.to_thread(lambda: (self._directory.people(), self._directory.policy()))
        return rule(people, policy, claim.identity, claim.verb, claim.also_roles)
