"""How often an app may call: Slack's tiers, and one post a second in each channel. Token buckets."""

import math
from dataclasses import dataclass, field

from promotion_ladder.fake_slack.base import Clock

POST_BURST = 4  # Slack: "generally one message a second a channel, short bursts are allowed"


@dataclass
class Pace:
    """Counts calls; off until ``on`` is set, because most tests are not about it."""

    clock: Clock
    on: bool = False
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # what is left, and since when

    def wait(self, name: str, per_minute: int, burst: int) -> int:
        """0 if this call may go on, else the whole seconds of ``Retry-After``."""
        if not self.on:
            return 0
        now = self.clock.now()
        left, since = self._buckets.get(name, (float(burst), now))
        left = min(burst, left + (now - since) * per_minute / 60)
        if left < 1:
            self._buckets[name] = (left, now)
            return max(1, math.ceil((1 - left) * 60 / per_minute))
        self._buckets[name] = (left - 1, now)
        return 0
