"""The channels to on-call that the settings name."""

from promotion_ladder.adapters.pager import PagerDuty, WebhookPager
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.paging import Paging
from promotion_ladder.ports import AuditStore, Pager
from promotion_ladder.settings import Settings


def pagers(settings: Settings) -> tuple[Pager, ...]:
    """The channels; raises LadderError when one has no secret: nobody could tell its alerts from forged ones."""
    found: list[Pager] = []
    if settings.pagerduty_key is not None:
        found.append(PagerDuty(settings.pagerduty_key.get_secret_value(), settings.pagerduty_url))
    if settings.alerts_url is not None:
        if settings.webhook_secret is None:
            raise LadderError(
                Code.PAGER_DOWN, "LADDER_ALERTS_URL is set without LADDER_WEBHOOK_SECRET", "set the secret that signs"
            )
        found.append(WebhookPager(settings.alerts_url, settings.webhook_secret.get_secret_value()))
    return tuple(found)


def paging(settings: Settings, store: AuditStore) -> Paging | None:
    """The channels with what they were told; None where there are none, and then nothing is kept of them either."""
    from promotion_ladder.adapters.alerts_sql import SqlAlerts  # noqa: PLC0415 - 0.2 s that not all verbs need

    found = pagers(settings)
    return Paging(store, SqlAlerts(settings.audit_url), found) if found else None
