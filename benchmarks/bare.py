"""The peers that everything is compared with: the least a workflow on the same server can do."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import httpx

QUEUE = "bare"
QUEUE_APART = "bare-apart"
"""Of the bare worker that is a process of its own."""
HEARTBEAT = timedelta(seconds=5)


class Touches:
    """The activity that only says when it was started."""

    def __init__(self) -> None:
        self.started: asyncio.Queue[float] = asyncio.Queue()

    @activity.defn(name="touch")
    async def touch(self) -> None:
        """Say so to the process the worker runs in."""
        self.started.put_nowait(time.time())


@activity.defn
async def watch(url: str) -> None:
    """The least a guard does: one GET and one heartbeat a second."""
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        while True:
            began = time.monotonic()
            (await client.get(url)).raise_for_status()
            activity.heartbeat()
            await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))


@workflow.defn
class SignalToActivity:
    """Runs one activity for each signal."""

    def __init__(self) -> None:
        self.wanted = 0

    @workflow.run
    async def run(self) -> None:
        """Wait for signals until the run is ended from outside."""
        while True:
            await workflow.wait_condition(lambda: self.wanted > 0)
            self.wanted -= 1
            await workflow.execute_activity_method(Touches.touch, start_to_close_timeout=timedelta(seconds=10))

    @workflow.signal
    def kick(self) -> None:
        """Ask for one more."""
        self.wanted += 1


@workflow.defn
class Answers:
    """Answers updates and does nothing else."""

    @workflow.run
    async def run(self) -> None:
        """Wait until the run is ended from outside."""
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def ask(self) -> None:
        """Answer at once."""


@workflow.defn
class Polls:
    """The least a polling stage does: sleep, then one activity, so many times."""

    @workflow.run
    async def run(self, polls: int) -> None:
        """Poll; the server skips the time."""
        for _ in range(polls):
            await workflow.sleep(timedelta(minutes=1))
            await workflow.execute_activity_method(Touches.touch, start_to_close_timeout=timedelta(seconds=10))


@workflow.defn
class Watches:
    """Keeps one watching activity running."""

    @workflow.run
    async def run(self, url: str) -> None:
        """Watch until the run is ended from outside."""
        await workflow.execute_activity(
            watch, url, start_to_close_timeout=timedelta(days=1), heartbeat_timeout=HEARTBEAT
        )


def worker(client: Client, touches: Touches, queue: str = QUEUE) -> Worker:
    """A worker with everything of this module and the SDK's own defaults."""
    return Worker(
        client, task_queue=queue, workflows=[SignalToActivity, Answers, Polls, Watches],
        activities=[touches.touch, watch], graceful_shutdown_timeout=timedelta(0),
    )  # fmt: skip


class Floor:
    """The way there on a bare workflow: one sample each time it is asked."""

    def __init__(self, reach: Callable[[], Awaitable[float]]) -> None:
        self._reach = reach
        self.samples: list[float] = []
        """In milliseconds."""

    async def sample(self) -> None:
        """Go the way once."""
        sent = time.time()
        self.samples.append(1000 * (await self._reach() - sent))

    async def warm_up(self) -> None:
        """A few samples that do not count."""
        for _ in range(5):
            await self.sample()
            await asyncio.sleep(0.2)
        self.samples.clear()


@asynccontextmanager
async def floor(client: Client) -> AsyncIterator[Floor]:
    """Signal → activity start: a bare workflow and its worker in this process, on the server that is measured."""
    touches = Touches()
    async with worker(client, touches):
        handle = await client.start_workflow(SignalToActivity.run, id=f"bare-{uuid.uuid4().hex[:8]}", task_queue=QUEUE)

        async def reach() -> float:
            await handle.signal(SignalToActivity.kick)
            return await touches.started.get()

        made = Floor(reach)
        await made.warm_up()
        yield made
        await handle.terminate()


@asynccontextmanager
async def update_floor(client: Client) -> AsyncIterator[Floor]:
    """Update → its answer, in the same manner."""
    async with worker(client, Touches()):
        handle = await client.start_workflow(Answers.run, id=f"bare-{uuid.uuid4().hex[:8]}", task_queue=QUEUE)

        async def reach() -> float:
            await handle.execute_update(Answers.ask)
            return time.time()

        made = Floor(reach)
        await made.warm_up()
        yield made
        await handle.terminate()
