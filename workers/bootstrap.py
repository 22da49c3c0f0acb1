"""The composition root: the one place where settings become adapters."""

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.adapters.notify import Fanout, FileNotifier, TerminalNotifier, WebhookNotifier
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.probes import LocalProbes
from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.client.calling import paging
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
    audit = SqlAudit(settings.audit_url, anchor_dir=settings.anchor_dir)
    return Ports(
        platform=HttpPlatform(settings.platform_url),
        metrics=PrometheusSource(settings.prometheus_url),
        audit=audit,
        notifier=notifier(settings),
        directory=ConfigDirectory(settings.config_dir),
        probes=LocalProbes(),
        paging=paging(settings, audit),
    )


def notifier(settings: Settings) -> Notifier:
    """The channels that are configured. The terminal is told too, but nobody need be looking: it opens no window.

    Raises LadderError when a webhook has no secret: nobody could tell its notices from forged ones.
    """
    channels: list[Notifier] = []
    if settings.webhook_url is not None:
        if settings.webhook_secret is None:
            raise LadderError(Code.NOTICE_UNDELIVERED, "LADDER_WEBHOOK_URL is set without LADDER_WEBHOOK_SECRET")
        channels.append(WebhookNotifier(settings.webhook_url, settings.webhook_secret.get_secret_value()))
    if settings.notices_file is not None:
        channels.append(FileNotifier(settings.notices_file))
    return Fanout(channels, extras=[TerminalNotifier()])
