"""Hand-made activations: they drive the real ``Promotion`` with no server, job by job.

A server decides by itself which messages, timers and results share a workflow task; here the test does. What is used
of temporalio is private, so all of it stands in this file, and another version than the pinned one is refused.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import temporalio.service
import temporalio.worker._workflow_instance as sdk
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker.workflow_sandbox import _runner

from promotion_ladder.core.state import PromotionState
from promotion_ladder.workflows.promotion import Promotion

PINNED = "1.35.0"
CONVERTER = pydantic_data_converter.payload_converter
NEVER_FAILS = ("fail_workflow_execution", "cancel_workflow_execution")
"""Commands a promotion must never issue: it comes down and completes, whatever happens."""

Job = WorkflowActivationJob

LIVE: "list[Run]" = []
"""Runs that were not taken out of the cache yet."""


def check_version() -> None:
    """Raise unless temporalio is the version whose private parts this file was written against."""
    found = temporalio.service.__version__
    if found != PINNED:
        raise RuntimeError(
            f"tests/activations drives private parts of temporalio {PINNED}, installed is {found}: read the changes "
            "of worker/_workflow_instance.py, see that these tests still mean what they say, then change PINNED"
        )


def payload(value: Any) -> Payload:
    """A value as the client or a worker would send it."""
    return CONVERTER.to_payload(value)


def signal(name: str, *args: Any, raw: Iterable[Payload] = ()) -> Job:
    """A signal; ``raw`` are payloads as they are, well formed or not."""
    job = Job()
    job.signal_workflow.signal_name = name
    job.signal_workflow.originating_event_id = 5  # any; the SDK logs a warning where there is none
    job.signal_workflow.input.extend([*map(payload, args), *raw])
    return job


def update(name: str, arg: Any, update_id: str) -> Job:
    """An update, its validator included."""
    job = Job()
    job.do_update.id = job.do_update.protocol_instance_id = update_id
    job.do_update.name = name
    job.do_update.run_validator = True
    job.do_update.input.append(payload(arg))
    return job


def cancel(reason: str = "operator") -> Job:
    """A cancel request from Temporal."""
    job = Job()
    job.cancel_workflow.reason = reason
    return job


def fired(seq: int) -> Job:
    """A timer that is over."""
    job = Job()
    job.fire_timer.seq = seq
    return job


def done(seq: int, value: Any) -> Job:
    """An activity's result."""
    job = Job()
    job.resolve_activity.seq = seq
    job.resolve_activity.result.completed.result.CopyFrom(payload(value))
    return job


def failed(seq: int, kind: str = "OPS_PLATFORM_REFUSED", message: str = "it cannot be done") -> Job:
    """An activity that failed for good with an application error of type ``kind``."""
    job = Job()
    job.resolve_activity.seq = seq
    failure = job.resolve_activity.result.failed.failure
    failure.message = "Activity task failed"
    failure.activity_failure_info.activity_id = str(seq)
    failure.cause.message = message
    failure.cause.application_failure_info.type = kind
    return job


def _cancelled(seq: int) -> Job:
    job = Job()
    job.resolve_activity.seq = seq
    failure = job.resolve_activity.result.cancelled.failure
    failure.message = "Activity cancelled"
    failure.activity_failure_info.activity_id = str(seq)
    failure.cause.canceled_failure_info.SetInParent()
    return job


def _begun(seq: int) -> Job:
    """A child workflow was started; what becomes of it nobody here waits for."""
    job = Job()
    job.resolve_child_workflow_execution_start.seq = seq
    job.resolve_child_workflow_execution_start.succeeded.run_id = "child"
    return job


def _query(name: str) -> Job:
    job = Job()
    job.query_workflow.query_id = "q"
    job.query_workflow.query_type = name
    return job


@dataclass
class Activity:
    """One that was scheduled and is not done."""

    seq: int
    name: str
    argument: Payload

    def sent(self, hint: type[Any]) -> Any:
        """What it was called with."""
        return CONVERTER.from_payload(self.argument, hint)


@dataclass
class Run:
    """One run of the workflow: what it was fed, and what of its commands is still open."""

    state_payload: Payload
    now: datetime
    first: tuple[Job, ...] = ()
    """Jobs that share the first workflow task, after the start itself."""
    before: tuple[Job, ...] = ()
    """As ``first``, but listed before the start."""
    open: dict[int, Activity] = field(default_factory=dict)
    timers: dict[int, datetime] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    """What became of each update: accepted, rejected or completed."""
    issued: list[str] = field(default_factory=list)
    """Every command so far, in words: equal in every replay."""
    problem: str | None = None
    """Why the workflow task failed."""
    ended: WorkflowCommand | None = None
    log: list[WorkflowActivation] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_version()
        self._instance = _instance()
        LIVE.append(self)
        job = Job()
        job.initialize_workflow.workflow_type = "Promotion"
        job.initialize_workflow.workflow_id = "promotion/bot"
        job.initialize_workflow.arguments.append(self.state_payload)
        self.feed(*self.before, job, *self.first)

    @property
    def state(self) -> PromotionState:
        """The state inside the workflow, not a copy."""
        found: PromotionState = self._instance._object.climb.state
        return found

    @property
    def next_state(self) -> PromotionState | None:
        """What continue-as-new carries, if that is how the run ended."""
        carried = self.carried
        return None if carried is None else CONVERTER.from_payload(carried, PromotionState)

    @property
    def carried(self) -> Payload | None:
        """As :attr:`next_state`, as it is sent."""
        if self.ended is None or not self.ended.HasField("continue_as_new_workflow_execution"):
            return None
        return self.ended.continue_as_new_workflow_execution.arguments[0]

    def opened(self, name: str) -> Activity | None:
        """The oldest open activity of that name."""
        return next((activity for activity in self.open.values() if activity.name == name), None)

    def feed(self, *jobs: Job) -> list[str]:
        """One workflow task with these jobs; the commands it issued, in words.

        As the server and Core do, a cancelled activity is reported as cancelled at once (``TRY_CANCEL``), in the same
        task; what the worker does with it afterwards nobody hears.
        """
        before = len(self.issued)
        self._activate(jobs)
        return self.issued[before:]

    def query(self, name: str) -> Any:
        """A query's answer as plain data."""
        act = self._activation((_query(name),))
        command = self._instance.activate(act).successful.commands[0].respond_to_query
        return CONVERTER.from_payload(command.succeeded.response)

    def again(self) -> "Run":
        """The same activations in a second instance, as after a worker died."""
        other = Run.__new__(Run)
        other.__dict__.update(Run._blank(self))
        other._instance = _instance()
        LIVE.append(other)
        for act in self.log:
            copy = WorkflowActivation()
            copy.CopyFrom(act)
            copy.is_replaying = True
            other._take(other._instance.activate(copy))
        return other

    def close(self) -> None:
        """Take it out of the cache, so that its tasks end here and not in the garbage collector."""
        act = WorkflowActivation(run_id="run")
        act.jobs.add().remove_from_cache.SetInParent()
        self._instance.activate(act)
        LIVE.remove(self)

    def _blank(self) -> dict[str, Any]:
        return {"state_payload": self.state_payload, "now": self.now, "first": (), "before": (), "open": {},
                "timers": {}, "answers": {}, "issued": [], "problem": None, "ended": None, "log": []}  # fmt: skip

    def _activate(self, jobs: Iterable[Job]) -> None:
        act = self._activation(jobs)
        self.log.append(act)
        for job in act.jobs:
            if job.HasField("fire_timer"):
                del self.timers[job.fire_timer.seq]
            if job.HasField("resolve_activity"):
                del self.open[job.resolve_activity.seq]
        at_once = self._take(self._instance.activate(act))
        if at_once and self.ended is None and self.problem is None:
            self._activate(at_once)

    def _activation(self, jobs: Iterable[Job]) -> WorkflowActivation:
        stamp = Timestamp()
        stamp.FromDatetime(self.now)
        return WorkflowActivation(run_id="run", timestamp=stamp, history_length=3, jobs=jobs)

    def _take(self, completion: Any) -> list[Job]:
        """Note what the commands opened and closed; what the server answers to them at once."""
        if completion.HasField("failed"):
            self.problem = completion.failed.failure.message
            return []
        at_once = []
        for command in completion.successful.commands:
            kind = command.WhichOneof("variant")
            self.issued.append(self._words(command, kind))
            if kind == "schedule_activity":
                made = command.schedule_activity
                self.open[made.seq] = Activity(made.seq, made.activity_type, made.arguments[0])
            elif kind == "request_cancel_activity" and command.request_cancel_activity.seq in self.open:
                at_once.append(_cancelled(command.request_cancel_activity.seq))
            elif kind == "start_child_workflow_execution":
                at_once.append(_begun(command.start_child_workflow_execution.seq))
            elif kind == "start_timer":
                length = command.start_timer.start_to_fire_timeout.ToTimedelta()
                self.timers[command.start_timer.seq] = self.now + length
            elif kind == "cancel_timer":
                self.timers.pop(command.cancel_timer.seq, None)
            elif kind == "update_response":
                answer = command.update_response
                self.answers[answer.protocol_instance_id] = answer.WhichOneof("response") or ""
            elif kind in ("complete_workflow_execution", "continue_as_new_workflow_execution", *NEVER_FAILS):
                self.ended = command
        return at_once

    def _words(self, command: WorkflowCommand, kind: str | None) -> str:
        match kind:
            case "schedule_activity":
                return f"{command.schedule_activity.activity_type}"
            case "request_cancel_activity":
                open_one = self.open.get(command.request_cancel_activity.seq)
                return f"cancel {open_one.name if open_one else 'one that is done'}"
            case "start_timer":
                return f"timer {command.start_timer.start_to_fire_timeout.ToTimedelta()}"
            case "update_response":
                answer = command.update_response
                return f"update {answer.protocol_instance_id} {answer.WhichOneof('response')}"
            case _:
                return kind or ""


def _instance() -> Any:
    loop = asyncio.new_event_loop()  # only looked at while the instance is made
    asyncio._set_running_loop(loop)
    try:
        return sdk.UnsandboxedWorkflowRunner().create_instance(
            sdk.WorkflowInstanceDetails(
                payload_converter_factory=pydantic_data_converter._new_payload_converter,
                failure_converter_class=pydantic_data_converter.failure_converter_class,
                interceptor_classes=[],
                defn=workflow._Definition.must_from_class(Promotion),
                info=_runner._fake_info,
                randomness_seed=1,
                extern_functions={},
                disable_eager_activity_execution=False,
                worker_level_failure_exception_types=[],
                patch_activation_callback=None,
                last_completion_result=Payloads(),
                last_failure=Failure(),
            )
        )
    finally:
        asyncio._set_running_loop(None)
        loop.close()
