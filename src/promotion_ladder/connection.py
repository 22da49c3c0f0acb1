"""Reaching the Temporal server, and what its errors mean to a person."""

import re

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.settings import Settings


async def connect(settings: Settings, runtime: Runtime | None = None) -> Client:
    """A client of the Temporal server that the environment, a profile or the local stack names.

    Raises LadderError with ``OPS_TEMPORAL_DOWN`` when it does not answer.
    """
    config = ClientConfig.load_client_connect_config()
    if settings.temporal_address is not None:
        config["target_host"] = settings.temporal_address
    host = config.get("target_host")
    if host is None:
        raise LadderError(
            Code.TEMPORAL_DOWN, "no Temporal server is configured", "set TEMPORAL_ADDRESS, or run 'ladder dev'"
        )
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter, runtime=runtime)
    except RuntimeError as error:
        raise LadderError(Code.TEMPORAL_DOWN, f"Temporal at {host} does not answer: {_why(error)}") from None


def _why(error: RuntimeError) -> str:
    """The cause in what the SDK says of a failed connection; it wraps the system's own words in many others."""
    text = str(error)
    said = re.findall(r'(?:message|error): "([^"]+)"', text)
    return said[-1] if said else text[:200]


def is_full(error: RPCError) -> bool:
    """Whether the run has taken as many signals as the server keeps (10 000): its next run takes more."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and "limit for signal" in error.message


def from_rpc(error: RPCError, bot: str) -> LadderError:
    """What a failed call to the server means for the promotion of ``bot``."""
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return LadderError(Code.NO_SUCH_PROMOTION, f"no promotion of {bot} is running")
        case RPCStatusCode.INVALID_ARGUMENT if is_full(error):
            return LadderError(
                Code.TOO_MANY_MESSAGES, f"the promotion of {bot} has as many messages waiting as Temporal keeps",
                "start a worker, which reads them, and try again; 'ladder kill' works meanwhile",
            )  # fmt: skip
        case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return LadderError(Code.WORKER_SILENT, f"no worker answered for {bot}")
        case RPCStatusCode.FAILED_PRECONDITION:
            return LadderError(Code.WORKER_SILENT, f"the promotion of {bot} is stuck: {error.message}"[:300])
        case _:
            return LadderError(Code.TEMPORAL_DOWN, f"Temporal did not take it: {error.message}"[:300])


def from_update(error: WorkflowUpdateFailedError) -> LadderError:
    """What a refused update said."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        code = next((code for code in Code if code == cause.type), Code.PLATFORM_REFUSED)
        return LadderError(code, cause.message)
    return LadderError(Code.WORKER_SILENT, str(cause)[:300])
