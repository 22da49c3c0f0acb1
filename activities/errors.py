"""How an adapter's error reaches a workflow: its code as type, and whether trying again can help."""

from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from promotion_ladder.contracts import QUEUE_LADDER, QUEUE_SAFETY
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

PASSING = frozenset(
    {Code.PLATFORM_DOWN, Code.SOURCE_DOWN, Code.AUDIT_DOWN, Code.TEMPORAL_DOWN, Code.NOTICE_UNDELIVERED}
)
"""What may be better the next time; everything else is an answer."""


FINAL_ON_THE_WAY_DOWN = frozenset({Code.STALE_EPOCH, Code.NOT_FLAT, Code.ALREADY_STABLE})
"""The only answers that end a try on the way down; whatever else is said there, it is tried again."""


def to_application_error(error: LadderError, queue: str) -> ApplicationError:
    """The same error as Temporal carries it."""
    final = error.code in FINAL_ON_THE_WAY_DOWN if queue in (QUEUE_LADDER, QUEUE_SAFETY) else error.code not in PASSING
    return ApplicationError(error.detail, type=error.code, non_retryable=final)


class _TellErrors(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except LadderError as error:
            raise to_application_error(error, activity.info().task_queue) from None


class TellErrors(Interceptor):
    """Turns every :class:`LadderError` of an activity into an ``ApplicationError`` of its code."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap ``next``."""
        return _TellErrors(next)
