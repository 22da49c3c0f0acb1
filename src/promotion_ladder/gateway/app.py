"""Bolt's app with all listeners."""

import logging
from pathlib import Path

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from promotion_ladder.adapters.slack.groups import SlackGroups
from promotion_ladder.adapters.slack.web import SlackWeb
from promotion_ladder.gateway.answers import Answers
from promotion_ladder.gateway.clicks import Clicks
from promotion_ladder.gateway.commands import Commands
from promotion_ladder.gateway.deeds import Deeds
from promotion_ladder.gateway.home import Home

_LOG = logging.getLogger("promotion_ladder.slack")


def bolt_app(deeds: Deeds, client: AsyncWebClient, releases: Path, signing_secret: str | None = None) -> AsyncApp:
    """An app that hears buttons, modals, ``/ladder`` and App Home.

    ``releases`` is where ``/ladder start`` finds releases. Without ``signing_secret`` only Socket Mode may be served.
    """
    app = AsyncApp(
        client=client, signing_secret=signing_secret, logger=_LOG,
        request_verification_enabled=signing_secret is not None,
    )  # fmt: skip
    web = SlackWeb(client)
    answers = Answers(web, deeds.desk)
    Clicks(deeds, web, answers).listen(app)
    Commands(deeds, web, answers, releases).listen(app)
    Home(deeds, web, SlackGroups(web)).listen(app)
    return app
