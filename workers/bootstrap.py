"""The composition root: the one place where settings become adapters."""

from promotion_ladder.adapters.notify import Fanout, FileNotifier, TerminalNotifier, WebhookNotifier
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.prometheus import PrometheusSource
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.ports import Notifier
from promotion_ladder.settings import Settings
from promotion_ladder.workers.assembly import Ports


def ports(settings: Settings) -> Ports:
    """The real adapters. Raises LadderError when an address is missing."""
    if settings.platform_url is None:
        raise LadderError(
            Code.PLATFORM_DOWN, "no platform is configured", "set LADDER_PLATFORM_URL, or run 'ladder dev'"
        )
    if settings.prometheus_url is None:
        raise LadderError(Code.SOURCE_DOWN, "no Prometheus is configured", "set PROMETHEUS_URL, or run 'ladder dev'")
    return Ports(
        platform=HttpPlatform(settings.platform_url),
        metrics=PrometheusSource(settings.prometheus_url),
        audit=SqlAudit(settings.audit_url, anchor_dir=settings.anchor_dir),
        notifier=notifier(settings),
        directory=ConfigDirectory(settings.config_dir),
    )


def notifier(settings: Settings) -> Notifier:
    """The channels that are configured; the terminal when none is."""
    channels: list[Notifier] = []
    if settings.webhook_url is not None:
        channels.append(WebhookNotifier(settings.webhook_url, settings.webhook_secret))
    if settings.notices_file is not None:
        channels.append(FileNotifier(settings.notices_file))
    return Fanout(channels or [TerminalNotifier()])


async def connect(settings: Settings) -> Client:
    """A client of the Temporal server that the environment, a profile or the local stack names.

    Raises LadderError with ``OPS_TEMPORAL_DOWN`` when it does not answer.
    """
    config = ClientConfig.load_client_connect_config()
    if settings.temporal_address is not None:
        config["target_host"] = settings.temporal_address
    if "target_host" not in config:
        raise LadderError(
            Code.TEMPORAL_DOWN, "no Temporal server is configured", "set TEMPORAL_ADDRESS, or run 'ladder dev'"
        )
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter)
    except RuntimeError as error:
        raise LadderError(
            Code.TEMPORAL_DOWN, f"Temporal at {config['target_host']} does not answer: {error}"[:300]
        ) from None
