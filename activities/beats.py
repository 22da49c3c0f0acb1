"""Signs of life: an activity whose options ask for heartbeats gives them, however long one of its calls takes.

So a dead worker is noticed after seconds, and what it was doing is done by another one; without, a flatten that it took
into the grave would wait for the whole of its own deadline.
"""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

EVERY = 1.0


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        if activity.info().heartbeat_timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(_beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY)


class Beats(Interceptor):
    """Tells the server every second that an activity with a heartbeat timeout is alive."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap ``next``."""
        return _Beating(next)
