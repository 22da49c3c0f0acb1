"""Timeouts and retries of activities, by what they do."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy

from promotion_ladder import contracts


class Options(TypedDict, total=False):
    """Keyword arguments of ``workflow.execute_activity``."""

    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


SIGN_OF_LIFE = timedelta(seconds=5)
"""Without one for so long the worker is taken for dead and another one does the work."""

_PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=30))

ADMIT = Options(
    task_queue=contracts.QUEUE_EVIDENCE,
    start_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=4),
)
"""Bounded: before anything is exposed a platform that does not answer is a refusal, not a wait."""

RULE = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=5),
    schedule_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=3),
    priority=Priority(priority_key=1),
)
"""Bounded: when nobody's right can be established, permissions are refused and prohibitions stand."""

PLATFORM = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=_PATIENT,
)
"""Forward moves wait for the platform as long as it takes; a stop is looked at between the tries."""

SETTLE = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=10),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=_PATIENT,
)
"""Bounded: a release that cannot become stable is not left live for ever."""

JUDGE = Options(
    task_queue=contracts.QUEUE_EVIDENCE,
    start_to_close_timeout=timedelta(seconds=60),
    schedule_to_close_timeout=timedelta(minutes=5),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=_PATIENT,
)
"""A dead source is a verdict; what is retried here is the store of evidence, without which nothing moves up."""

GUARD = Options(
    task_queue=contracts.QUEUE_GUARDS,
    start_to_close_timeout=timedelta(days=365),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=50), backoff_coefficient=2, maximum_interval=timedelta(seconds=2)
    ),
)
"""Without end, and again at once: a guard whose worker was ended goes on at another one."""

SAFETY = Options(
    task_queue=contracts.QUEUE_SAFETY,
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10)),
    priority=Priority(priority_key=1),
)
"""Without end: what takes exposure away is never given up."""

FLATTEN = Options(**SAFETY)
FLATTEN["task_queue"] = contracts.QUEUE_LADDER
"""On the workflow's own queue, so that it starts with the very answer to the task that decided it."""

HAND_OVER = Options(**SAFETY)
HAND_OVER["schedule_to_close_timeout"] = timedelta(seconds=30)
"""Bounded: what is not handed over by then is flattened."""

AUDIT = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=30),
    heartbeat_timeout=SIGN_OF_LIFE,
    retry_policy=_PATIENT,
)

NOTIFY = Options(
    task_queue=contracts.QUEUE_NOTICES,
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=_PATIENT,
)
"""Bounded: what is told after an outage is how things stand then, not how they stood before it."""

NOTIFY_LATE = Options(**NOTIFY)
NOTIFY_LATE["schedule_to_close_timeout"] = timedelta(days=7)
"""What an ended promotion still has to tell does not change any more; after a week nobody wants to hear it."""

SILENCE = Options(
    task_queue=contracts.QUEUE_PLATFORM,
    start_to_close_timeout=timedelta(seconds=10),
    schedule_to_close_timeout=timedelta(seconds=30),
    retry_policy=_PATIENT,
)
"""Bounded: while nobody can say whether a veto would have been heard, the window stays open and is asked again."""
