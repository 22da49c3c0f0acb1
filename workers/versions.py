"""Worker versions: a run stays on the version it began with, and moves to the current one at a stage boundary.

Off unless a build id is given. A versioned worker whose version is not current gets no new work at all, and nothing
says so; so the worker makes its version the current one itself, and checks that it is.
"""

import asyncio

from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import WorkerDeploymentConfig

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError

DEPLOYMENT = "promotion-ladder"
PATIENCE = 30.0
"""Seconds the server may take to hear of a new version by its first poll."""


def deployment(build_id: str) -> WorkerDeploymentConfig:
    """The version that workflows of this worker are pinned to."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def make_current(client: Client, build_id: str) -> None:
    """New runs go to ``build_id`` from now on; raises LadderError when the server does not say so in time."""
    order = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id, identity=client.identity
    )
    question = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    loop = asyncio.get_running_loop()
    deadline, why = loop.time() + PATIENCE, "no answer"
    while loop.time() < deadline:
        try:
            await client.workflow_service.set_worker_deployment_current_version(order)
            answer = await client.workflow_service.describe_worker_deployment(question)
        except RPCError as error:
            why = error.message
        else:
            if answer.worker_deployment_info.routing_config.current_deployment_version.build_id == build_id:
                return
        await asyncio.sleep(0.2)
    raise LadderError(
        Code.WORKER_SILENT, f"version {build_id} did not become current: {why}"[:300],
        "look at 'temporal worker deployment describe', or run without a build id",
    )  # fmt: skip
