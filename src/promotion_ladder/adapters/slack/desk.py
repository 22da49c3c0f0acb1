"""slack.yaml: which workspace and channels the ladder talks to."""

import re
from datetime import time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from promotion_ladder.core.base import Spec


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"'{name}' is no time zone: write for instance Europe/London") from None
    return name


def _address(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s<>|]+", url):
        raise ValueError(f"'{url}' is no address: write for instance https://desk.example/reports/{{promotion_id}}")
    return url


Workspace = Annotated[str, Field(pattern=r"^T[A-Z0-9]{2,}$")]
"""Id of a Slack workspace, ``T…``."""
Channel = Annotated[str, Field(pattern=r"^[CG][A-Z0-9]{2,}$")]
"""Id of a Slack channel, ``C…`` or ``G…``: names change, ids do not."""
Place = Annotated[str, Field(pattern=r"^[CGUW][A-Z0-9]{2,}$")]
"""Id of a channel or of a person."""


class Digest(Spec):
    """The daily summary."""

    at: time
    """Time of day, for instance ``07:30``."""
    zone: Annotated[str, AfterValidator(_zone)]
    """The time zone of it, for instance ``Europe/London``."""


class SlackDesk(Spec):
    """Where the ladder talks and listens. Tokens are no part of it: they come from the environment."""

    team: Workspace
    """The workspace; what comes from another one is refused."""
    channel: Channel
    """The channel of the promotions: one message each."""
    escalation: Place | None = None
    """A second channel, or a person, told when half of an approval's time is over and nobody has answered."""
    digest: Digest | None = None
    """When to post what is on the ladders and what waits; never unless stated."""
    report: Annotated[str, AfterValidator(_address)] | None = None
    """Address of a promotion's report; ``{promotion_id}`` and ``{bot}`` are filled in."""

    def report_of(self, bot: str, promotion_id: str) -> str:
        """The address of one promotion's report; empty when there is none."""
        if self.report is None:
            return ""
        return self.report.replace("{promotion_id}", promotion_id).replace("{bot}", bot)
