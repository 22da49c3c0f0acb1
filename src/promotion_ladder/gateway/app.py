"""Bolt's app with all listeners."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from promotion_ladder.adapters.slack.groups import SlackGroups
from promotion_ladder.adapters.slack.web import SlackWeb
from promotion_ladder.gateway.answers import Answers
from promotion_ladder.gateway.clicks import Clicks
from promotion_ladder.gateway.commands import Commands
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.gateway.home import Home

_LOG = logging.getLogger("promotion_ladder.slack")


def bolt_app(
    deeds: Deeds, client: AsyncWebClient, me: Mapping[str, Any], releases: Path, signing_secret: str | None = None
) -> AsyncApp:
    """An app that hears buttons, modals, ``/ladder`` and App Home.

    ``me`` is what ``auth.test`` said of the token: Bolt would ask again before it acknowledges the first click.
    ``releases`` is where ``/ladder start`` finds releases. Without ``signing_secret`` only Socket Mode may be served.
    """

    async def authorize(**_given: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=me.get("enterprise_id"), team_id=me.get("team_id"), bot_id=me.get("bot_id"),
            bot_user_id=me.get("user_id"), bot_token=client.token,
        )  # fmt: skip

    app = AsyncApp(
        client=client, authorize=authorize, signing_secret=signing_secret, logger=_LOG,
        request_verification_enabled=signing_secret is not None,
    )  # fmt: skip
    web = SlackWeb(client)
    answers = Answers(web, deeds.desk)
    clicks = Clicks(deeds, web, answers)
    clicks.listen(app)
    Commands(deeds, web, answers, clicks, releases).listen(app)
    Home(deeds, web, SlackGroups(web)).listen(app)
    return app
