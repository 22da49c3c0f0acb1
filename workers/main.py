"""The worker process: all task queues in one, until it is told to stop."""

import asyncio
import contextlib
import signal

from temporalio.runtime import LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter

from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.client.looking import desk_record
from promotion_ladder.connection import connect
from promotion_ladder.settings import Settings
from promotion_ladder.workers.assembly import Ports, activities, prepare_namespace, workers
from promotion_ladder.workers.bootstrap import ports
from promotion_ladder.workers.schedule import keep_reconciling
from promotion_ladder.workers.versions import make_current


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then let running tasks end for some seconds."""
    world = ports(settings)
    await desk_record(settings, world.audit).join()  # what the desk did while the store was down
    telling = asyncio.create_task(world.paging.keep_up()) if world.paging is not None else None
    try:
        await _work(settings, world)
    finally:
        if telling is not None:
            telling.cancel()


async def _work(settings: Settings, world: Ports) -> None:
    client = await connect(settings, runtime=_runtime(settings))
    await prepare_namespace(client)
    guards = GuardActivities(world.platform, world.metrics)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for worker in workers(client, activities(world, client, guards), settings.build_id):
            await stack.enter_async_context(worker)  # one that dies takes the others along, so that somebody notices
        if settings.build_id is not None:
            await make_current(client, settings.build_id)
        await keep_reconciling(client)
        await stop.wait()
    await guards.lingered()


def _runtime(settings: Settings) -> Runtime | None:
    """The SDK's own metrics for Prometheus, where an address is set for them."""
    if settings.metrics_address is None:
        return None
    metrics = PrometheusConfig(
        bind_address=settings.metrics_address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
    )
    logs = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    return Runtime(telemetry=TelemetryConfig(metrics=metrics, logging=logs))
