"""The composition root: the one place where settings become adapters."""

from collections.abc import Sequence
from dataclasses import dataclass

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import ConfigDirectory, load_slack
from promotion_ladder.adapters.notify import Fanout, FileNotifier, TerminalNotifier, WebhookNotifier
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.probes import LocalProbes
from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.adapters.slack.book import Book
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.groups import SlackGroups
from promotion_ladder.adapters.slack.notifier import SlackNotifier
from promotion_ladder.adapters.slack.picture import Picture
from promotion_ladder.adapters.slack.web import SlackWeb, web_client
from promotion_ladder.client.calling import paging
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.ports import Directory, Notifier, Platform
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
    platform = HttpPlatform(settings.platform_url)
    directory = ConfigDirectory(settings.config_dir)
    side = slack_side(settings) if settings.slack_token is not None else None
    channels = [side.notifier(platform, directory)] if side is not None else []
    return Ports(
        platform=platform,
        metrics=PrometheusSource(settings.prometheus_url),
        audit=audit,
        notifier=notifier(settings, channels),
        directory=directory,
        probes=LocalProbes(),
        paging=paging(settings, audit),
        groups=SlackGroups(side.web) if side is not None else None,
    )


@dataclass(frozen=True)
class SlackSide:
    """What everything that has to do with Slack shares."""

    desk: SlackDesk
    web: SlackWeb
    book: Book

    def notifier(self, platform: Platform, directory: Directory) -> SlackNotifier:
        """Slack as a channel of notices."""
        return SlackNotifier(self.web, self.book, self.desk, directory, Picture(self.web, self.book, platform))


def slack_side(settings: Settings) -> SlackSide:
    """The way to Slack; ``OPS_SLACK_CONFIG`` when the token or slack.yaml is missing or cannot be read."""
    if settings.slack_token is None:
        raise LadderError(Code.SLACK_CONFIG, "SLACK_BOT_TOKEN is not set")
    desk = load_slack(settings.slack_file)
    web = SlackWeb(web_client(settings.slack_token.get_secret_value(), settings.slack_api))
    return SlackSide(desk, web, Book(settings.audit_url))


def notifier(settings: Settings, others: Sequence[Notifier] = ()) -> Notifier:
    """The channels that are configured. The terminal is told too, but nobody need be looking: it opens no window.

    Raises LadderError when a webhook has no secret: nobody could tell its notices from forged ones.
    """
    channels = list(others)
    if settings.webhook_url is not None:
        if settings.webhook_secret is None:
            raise LadderError(Code.NOTICE_UNDELIVERED, "LADDER_WEBHOOK_URL is set without LADDER_WEBHOOK_SECRET")
        channels.append(WebhookNotifier(settings.webhook_url, settings.webhook_secret.get_secret_value()))
    if settings.notices_file is not None:
        channels.append(FileNotifier(settings.notices_file))
    return Fanout(channels, extras=[TerminalNotifier()])
