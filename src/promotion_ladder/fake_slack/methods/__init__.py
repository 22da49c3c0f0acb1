"""The Web API's methods, each a plain function of the state and the arguments, and what each needs.

``METHODS`` has them by name, with the scope and kind of caller they ask for and how often they may be called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from promotion_ladder.fake_slack.base import Json
from promotion_ladder.fake_slack.methods import chat, conversations, files, people, views
from promotion_ladder.fake_slack.state import State

Handler = Callable[[State, Json], Json]
# Calls a minute by Slack's tiers; 'post' is one a second and channel; None is not limited here.
PER_MINUTE = {"tier2": 20, "tier3": 50, "tier4": 100, "post": 60}


@dataclass(frozen=True)
class Method:
    """What a call needs. ``scope`` may name several by ``|``: one suffices."""

    handler: Handler
    scope: str = ""
    tier: Literal["tier2", "tier3", "tier4", "post"] | None = None
    caller: Literal["bot", "app"] = "bot"


HISTORY = "channels:history|groups:history|im:history"

METHODS: dict[str, Method] = {
    "api.test": Method(people.api_test),
    "auth.test": Method(people.auth_test),
    "bots.info": Method(people.bots_info, "users:read", "tier3"),
    "chat.delete": Method(chat.delete, "chat:write", "tier3"),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, "chat:write", "tier4"),
    "chat.postMessage": Method(chat.post_message, "chat:write", "post"),
    "chat.update": Method(chat.update, "chat:write", "tier3"),
    "conversations.history": Method(conversations.history, HISTORY, "tier3"),
    "conversations.info": Method(conversations.info, "channels:read", "tier3"),
    "conversations.join": Method(conversations.join, "channels:join", "tier3"),
    "conversations.members": Method(conversations.members, "channels:read", "tier4"),
    "conversations.open": Method(conversations.open_dm, "im:write", "tier3"),
    "conversations.replies": Method(conversations.replies, HISTORY, "tier3"),
    "files.completeUploadExternal": Method(files.complete_upload, "files:write", "tier4"),
    "files.getUploadURLExternal": Method(files.get_upload_url, "files:write", "tier4"),
    "files.info": Method(files.info, "files:read", "tier4"),
    "pins.add": Method(chat.pin, "pins:write", "tier2"),
    "reactions.add": Method(chat.react, "reactions:write", "tier3"),
    "team.info": Method(people.team_info, "team:read", "tier3"),
    "usergroups.list": Method(people.usergroups_list, "usergroups:read", "tier2"),
    "usergroups.users.list": Method(people.usergroups_users_list, "usergroups:read", "tier2"),
    "users.info": Method(people.users_info, "users:read", "tier4"),
    "users.list": Method(people.users_list, "users:read", "tier2"),
    "views.open": Method(views.open_view, tier="tier4"),
    "views.publish": Method(views.publish, tier="tier4"),
    "views.push": Method(views.push, tier="tier4"),
    "views.update": Method(views.update, tier="tier4"),
}
