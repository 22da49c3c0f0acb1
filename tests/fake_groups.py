"""Slack's user groups, in memory."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError


@dataclass
class FakeGroups:
    """Who is in which Slack user group; it can be down, or take its time."""

    members: dict[str, set[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    seconds: float = 0

    async def member_of(self, slack_id: str, groups: Collection[str]) -> frozenset[str]:
        self.asked.append(slack_id)
        await asyncio.sleep(self.seconds)
        if self.down:
            raise LadderError(Code.GROUPS_UNKNOWN)
        return frozenset(group for group in groups if slack_id in self.members.get(group, ()))
