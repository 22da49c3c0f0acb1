"""From ports to workers: the activities of each task queue, and one worker per queue."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from promotion_ladder import contracts
from promotion_ladder.activities.admission import AdmissionActivities
from promotion_ladder.activities.audit import AuditActivities
from promotion_ladder.activities.authority import AuthorityActivities
from promotion_ladder.activities.beats import Beats
from promotion_ladder.activities.errors import TellErrors
from promotion_ladder.activities.evidence import EvidenceActivities
from promotion_ladder.activities.guards import GuardActivities
from promotion_ladder.activities.incidents import IncidentActivities
from promotion_ladder.activities.notification import NotificationActivities
from promotion_ladder.activities.platform import PlatformActivities
from promotion_ladder.activities.reconciliation import ReconciliationActivities
from promotion_ladder.activities.safety import SafetyActivities
from promotion_ladder.paging import Paging
from promotion_ladder.ports import AuditStore, Directory, Groups, MetricSource, Notifier, Platform, Probes
from promotion_ladder.reconciling.temporal import TemporalPromotions
from promotion_ladder.workers.versions import deployment
from promotion_ladder.workflows.last_notices import LastNotices
from promotion_ladder.workflows.promotion import Promotion
from promotion_ladder.workflows.reconciliation import Reconciliation

Activity = Callable[..., Any]

WORKFLOW_TASK_SECONDS = 8
"""Ten thousand messages that waited come in one workflow task, which takes more than the SDK's 2 s on a busy machine:
taken for a deadlock it would be tried again, as slowly, for ever. The server takes a task back after 10 s."""
GUARD_SLOTS = 1000
"""Guards run for hours each: with too few slots the last ones would never start."""


@dataclass(frozen=True)
class Ports:
    """Everything outside."""

    platform: Platform
    metrics: MetricSource
    audit: AuditStore
    notifier: Notifier
    directory: Directory
    probes: Probes
    paging: Paging | None = None
    """The channels to on-call, where there are any."""
    groups: Groups | None = None
    """Who is in which Slack user group, where Slack is connected."""


def activities(world: Ports, client: Client, guards: GuardActivities | None = None) -> dict[str, list[Activity]]:
    """The activities of each task queue; reconciliation and the record ask ``client`` what runs."""
    guards = guards or GuardActivities(world.platform, world.metrics)
    admission = AdmissionActivities(world.platform, world.directory, world.audit, world.probes, world.groups)
    safety = SafetyActivities(world.platform)
    promotions = TemporalPromotions(client)
    wake = world.paging.wake if world.paging is not None else _nobody_to_wake
    reconciliation = ReconciliationActivities(world.platform, promotions, world.audit, wake)
    platform = PlatformActivities(world.platform)
    audit = AuditActivities(world.audit, promotions)
    notification = NotificationActivities(world.notifier)
    return {
        contracts.QUEUE_EVIDENCE: [
            EvidenceActivities(world.platform, world.metrics, world.audit, promotions).judge,
            admission.admit, admission.prove,
        ],
        contracts.QUEUE_PLATFORM: [
            platform.acquire, platform.clear, platform.enter, platform.reopen, platform.settle,
            AuthorityActivities(world.directory, world.groups).rule,
            audit.record, audit.rejoin,
            notification.silence,
            IncidentActivities(world.audit, wake).post,
            reconciliation.look, reconciliation.tell,
        ],
        contracts.QUEUE_NOTICES: [notification.notify],
        contracts.QUEUE_GUARDS: [guards.guard],
        contracts.QUEUE_LADDER: [safety.flatten],
        contracts.QUEUE_SAFETY: [
            safety.wind_down, safety.reassign, safety.restore, safety.hold_out, reconciliation.make_safe,
        ],
    }  # fmt: skip


def _nobody_to_wake() -> None:
    """No channel to on-call is configured."""


def runner() -> SandboxedWorkflowRunner:
    """The sandbox, with our own pure modules shared instead of imported again for each run."""
    return SandboxedWorkflowRunner(
        restrictions=replace(
            SandboxRestrictions.default,
            passthrough_modules=SandboxRestrictions.passthrough_modules_default
            | {"promotion_ladder.core", "promotion_ladder.contracts", "promotion_ladder.activities", "rfc8785"},
        )
    )


def patient(worker: Worker) -> Worker:
    """``worker``, with a workflow task taken for deadlocked only when it is in danger of being taken back."""
    running = worker._workflow_worker  # noqa: SLF001 - the SDK has no option for it; a test holds it to the effect
    if running is not None:
        running._deadlock_timeout_seconds = WORKFLOW_TASK_SECONDS  # noqa: SLF001
    return worker


def workers(client: Client, by_queue: dict[str, list[Activity]], build_id: str | None = None) -> list[Worker]:
    """One worker per task queue, so that no kind of work can starve another; guards and safety least of all."""
    drain = timedelta(seconds=5)
    found = [
        patient(Worker(
            client,
            task_queue=contracts.QUEUE_LADDER,
            workflows=[Promotion, LastNotices, Reconciliation],
            workflow_runner=runner(),
            # On the workflow's own queue the server hands flatten over with the answer to the task that decided it:
            # no queue and no poll in between (eager execution), which is half of the time to the first cancel.
            activities=list(by_queue[contracts.QUEUE_LADDER]),
            interceptors=[TellErrors(), Beats()],
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
            graceful_shutdown_timeout=drain,
            deployment_config=deployment(build_id) if build_id else None,
        ))
    ]  # fmt: skip
    found += [
        Worker(
            client,
            task_queue=queue,
            activities=list(methods),
            interceptors=[TellErrors(), Beats()],
            max_concurrent_activities=GUARD_SLOTS if queue == contracts.QUEUE_GUARDS else 100,
            max_heartbeat_throttle_interval=timedelta(seconds=1),
            graceful_shutdown_timeout=timedelta(0) if queue == contracts.QUEUE_GUARDS else drain,
        )
        for queue, methods in by_queue.items()
        if queue != contracts.QUEUE_LADDER
    ]
    return found


async def prepare_namespace(client: Client) -> None:
    """Register the search attributes that the namespace lacks; they must exist before the first start."""
    wanted = {key.name: key.indexed_value_type for key in contracts.SEARCH_ATTRIBUTES}
    for name, kind in wanted.items():
        request = AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes={name: IndexedValueType.ValueType(int(kind))}
        )
        try:
            await client.operator_service.add_search_attributes(request)
        except RPCError as error:
            # Where we may not register, somebody who may has done so, or the first task of a run says what is missing.
            known = error.status in (RPCStatusCode.ALREADY_EXISTS, RPCStatusCode.PERMISSION_DENIED)
            if not known and "already" not in error.message:
                raise
