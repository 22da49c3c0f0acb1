"""The workspace that is imitated: who is there, which channels, which app with which tokens and scopes.

The defaults fit ``config/people.yaml``; another workspace comes as a JSON or YAML file of the same fields.
"""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

BOT_SCOPES = (
    "channels:history channels:join channels:read chat:write commands files:read files:write groups:history im:history "
    "im:write pins:write reactions:write team:read usergroups:read users:read users:read.email"
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class User(_Model):
    """A member; ``tz`` is the zone in which dates are shown to them."""

    id: str
    name: str
    real_name: str
    tz: str = "Europe/London"
    email: str | None = None
    is_bot: bool = False
    deleted: bool = False


class Usergroup(_Model):
    """A user group, ``@handle``."""

    id: str
    handle: str
    members: list[str] = Field(default_factory=list)


class Channel(_Model):
    """A public channel. The app's bot user must be a member to post."""

    id: str
    name: str
    archived: bool = False
    members: list[str] = Field(default_factory=list)


BOT_USER = "U0LADDERB"


def _users() -> list[User]:
    zones = {"U0BEN0002": "America/New_York", "U0OMAR004": "Asia/Singapore"}
    names = {
        "U0ANA0001": ("ana", "Ana Costa"),
        "U0BEN0002": ("ben", "Ben Ortiz"),
        "U0RITA003": ("rita", "Rita Vogel"),
        "U0OMAR004": ("omar", "Omar Haddad"),
        "U0PETRA05": ("petra", "Petra Lindqvist"),
    }
    return [
        User(id=key, name=name, real_name=real, tz=zones.get(key, "Europe/London"), email=f"{name}@example.com")
        for key, (name, real) in names.items()
    ]


def _channels() -> list[Channel]:
    everybody = [BOT_USER, *(user.id for user in _users())]
    return [
        Channel(id="C0LADDER1", name="ladder", members=list(everybody)),
        Channel(id="C0ESCAL01", name="ladder-escalation", members=list(everybody)),
    ]


class Workspace(_Model):
    """Everything that Slack's administrators and an app's settings page would hold."""

    team_id: str = "T0LADDER1"
    team_name: str = "Trading desk"
    app_id: str = "A0LADDER1"
    app_name: str = "Ladder"
    bot_id: str = "B0LADDER1"
    bot_user: str = BOT_USER
    signing_secret: str = "fake-signing-secret"  # noqa: S105 -- guards nothing: this Slack is imitated
    bot_token: str = "xoxb-fake-ladder"  # noqa: S105 -- as above
    app_token: str = "xapp-fake-ladder"  # noqa: S105 -- as above
    scopes: list[str] = Field(default_factory=BOT_SCOPES.split)
    app_scopes: list[str] = Field(default_factory=lambda: ["connections:write"])
    users: list[User] = Field(default_factory=_users)
    usergroups: list[Usergroup] = Field(
        default_factory=lambda: [Usergroup(id="S0RISK001", handle="risk", members=["U0RITA003"])]
    )
    channels: list[Channel] = Field(default_factory=_channels)

    def user(self, user_id: str) -> User | None:
        """The member of that id; the bot is one too."""
        if user_id == self.bot_user:
            return User(id=self.bot_user, name=self.app_name.lower(), real_name=self.app_name, is_bot=True)
        return next((user for user in self.users if user.id == user_id), None)

    def usergroup(self, group_id: str) -> Usergroup | None:
        """The user group of that id."""
        return next((group for group in self.usergroups if group.id == group_id), None)

    def channel(self, channel: str) -> Channel | None:
        """The channel of that id or name, a ``#`` before the name or none. A DM is ``D`` and the member's id."""
        if channel.startswith("D") and (user := self.user(f"U{channel[1:]}")):
            return Channel(id=channel, name=user.name, members=[self.bot_user, user.id])
        name = channel.removeprefix("#")
        return next((one for one in self.channels if one.id == channel or one.name == name), None)


def read_workspace(path: Path) -> Workspace:
    """The workspace of a JSON or YAML file. Raises OSError, ValueError or yaml.YAMLError with what is wrong."""
    return Workspace.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
