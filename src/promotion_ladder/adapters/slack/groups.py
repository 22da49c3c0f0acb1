"""Who is in which Slack user group: asked at most once a minute, and unknown is never a yes."""

import time
from collections.abc import Callable, Collection

from promotion_ladder.adapters.slack.web import SlackError, SlackWeb
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.ports import Groups

FRESH = 60.0
"""Seconds for which an answer is believed."""


class SlackGroups(Groups):
    """Members of user groups (``usergroups.users.list``, scope ``usergroups:read``)."""

    def __init__(self, web: SlackWeb, clock: Callable[[], float] = time.monotonic) -> None:
        self._web = web
        self._clock = clock
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def member_of(self, slack_id: str, groups: Collection[str]) -> frozenset[str]:
        """Those of ``groups`` that ``slack_id`` is in; ``OPS_GROUPS_UNKNOWN`` when Slack does not say of every one."""
        return frozenset([group for group in groups if slack_id in await self._members(group)])

    async def _members(self, group: str) -> frozenset[str]:
        asked, members = self._known.get(group, (float("-inf"), frozenset[str]()))
        if self._clock() - asked >= FRESH:
            asked = self._clock()  # from when we asked: an answer is never older than that
            try:
                answer = await self._web.call("usergroups.users.list", query=True, usergroup=group)
            except SlackError as error:
                raise LadderError(Code.GROUPS_UNKNOWN, error.detail) from None
            members = frozenset(answer.get("users") or ())
            self._known[group] = (asked, members)
        return members
