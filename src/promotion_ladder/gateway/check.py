"""``ladder slack check``: whether the app in Slack is set up as the ladder needs it, and what to mend where not."""

import httpx
from slack_sdk.errors import SlackApiError

from promotion_ladder.adapters.files import ConfigDirectory, load_slack
from promotion_ladder.adapters.slack.desk import SlackDesk
from promotion_ladder.adapters.slack.web import SlackError, SlackWeb, web_client
from promotion_ladder.core.base import Record
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import People
from promotion_ladder.settings import Settings

SCOPES = {
    "chat:write": "to post and edit messages",
    "commands": "for /ladder",
    "channels:history": "to find a message whose answer was lost (groups:history in private channels)",
    "channels:read": "to see whether it is in the channel (groups:read in private channels)",
    "files:write": "for the plots",
    "files:read": "for the plots",
    "im:write": "to tell a person directly",
    "usergroups:read": "to know who is in a user group",
    "users:read": "to know whom people.yaml means",
}
"""The bot scopes of config/slack/manifest.yaml, and what each is for."""
MANIFEST = "install the app anew from config/slack/manifest.yaml, then set the new tokens"


class Finding(Record):
    """One thing that was looked at."""

    about: str
    well: bool
    sentence: str
    mend: str = ""


async def check(settings: Settings, web: SlackWeb) -> list[Finding]:
    """Look at everything; what depends on what is broken is left out.

    Raises LadderError only where slack.yaml or the people cannot be read.
    """
    desk = load_slack(settings.slack_file)
    people = ConfigDirectory(settings.config_dir).people()
    found = await _token(web, desk)
    if not found[0].well:
        return found
    found.append(await _app_token(settings))
    found.append(await _channel(web, desk.channel, "channel"))
    if desk.escalation is not None:
        found.append(await _escalation(web, desk.escalation))
    found += await _groups(web, people)
    found.append(await _people(web, people))
    return found


async def _token(web: SlackWeb, desk: SlackDesk) -> list[Finding]:
    try:
        me = await web.client.auth_test()
    except SlackApiError as error:
        word, status = error.response.get("error"), error.response.status_code
        if httpx.codes.is_server_error(status) or word == "ratelimited":
            return [_silent(str(word))]  # which says nothing of the token
        return [Finding(about="bot token", well=False, sentence=f"Slack does not take it: {word}", mend=MANIFEST)]
    except Exception as problem:  # noqa: BLE001 - whatever the network does, it is told and not raised
        return [_silent(type(problem).__name__)]
    team, scopes = str(me.get("team_id")), str(me.headers.get("x-oauth-scopes", "")).split(",")
    found = [Finding(about="bot token", well=True, sentence=f"{me.get('user')} in {me.get('team')}")]
    here = team == desk.team
    found.append(
        Finding(
            about="workspace", well=here, sentence=f"{team}, {'as slack.yaml says' if here else f'not {desk.team}'}",
            mend="" if here else f"write 'team: {team}' into slack.yaml, or take the token of the desk's workspace",
        )
    )  # fmt: skip
    lacking = [f"{scope} ({why})" for scope, why in SCOPES.items() if scope not in {one.strip() for one in scopes}]
    sentence = f"lacks {'; '.join(lacking)}" if lacking else "all are there"
    return [*found, Finding(about="scopes", well=not lacking, sentence=sentence, mend=MANIFEST if lacking else "")]


def _silent(why: str) -> Finding:
    mend = "look at status.slack.com and at the way to slack.com, then check again; the CLI has every verb"
    return Finding(about="bot token", well=False, sentence=f"Slack does not answer ({why})", mend=mend)


async def _app_token(settings: Settings) -> Finding:
    token = settings.slack_app_token
    if token is None:
        well = settings.slack_signing_secret is not None
        sentence = "none; requests come over HTTP, signed" if well else "neither SLACK_APP_TOKEN nor a signing secret"
        mend = "" if well else "set SLACK_APP_TOKEN (xapp-..., scope connections:write) for Socket Mode"
        return Finding(about="app token", well=well, sentence=sentence, mend=mend)
    try:
        await SlackWeb(web_client(token.get_secret_value(), settings.slack_api)).call("apps.connections.open")
    except SlackError as error:
        return Finding(
            about="app token", well=False, sentence=error.detail,
            mend="make an app-level token with the scope connections:write, and turn Socket Mode on",
        )  # fmt: skip
    return Finding(about="app token", well=True, sentence="opens a socket")


async def _channel(web: SlackWeb, channel: str, about: str) -> Finding:
    try:
        found = (await web.call("conversations.info", query=True, channel=channel))["channel"]
    except SlackError as error:
        mend = "write the channel's id (C...) into slack.yaml; for a private channel invite the app first"
        return Finding(about=about, well=False, sentence=error.detail, mend=mend)
    name = f"#{found.get('name')}"
    if found.get("is_archived"):
        return Finding(
            about=about, well=False, sentence=f"{name} is archived", mend="unarchive it, or name another one"
        )
    if not found.get("is_member"):
        return Finding(about=about, well=False, sentence=f"the app is not in {name}", mend=f"/invite the app in {name}")
    return Finding(about=about, well=True, sentence=f"the app is in {name}")


async def _escalation(web: SlackWeb, place: str) -> Finding:
    if place.startswith(("C", "G")):
        return await _channel(web, place, "escalation")
    try:
        person = (await web.call("users.info", query=True, user=place))["user"]
    except SlackError as error:
        return Finding(about="escalation", well=False, sentence=error.detail, mend="write a member id (U...)")
    return Finding(about="escalation", well=True, sentence=f"{person.get('real_name')} is told directly")


async def _groups(web: SlackWeb, people: People) -> list[Finding]:
    found = []
    for group, roles in people.groups.items():
        gives = f"gives {', '.join(roles)}"
        try:
            members = (await web.call("usergroups.users.list", query=True, usergroup=group)).get("users") or []
        except SlackError as error:
            mend = "correct the group's id in people.yaml, or take it out"
            found.append(Finding(about=f"group {group}", well=False, sentence=error.detail, mend=mend))
            continue
        unknown = sorted(set(members) - {person.slack for person in people.people})
        sentence = f"{gives} to {len(members)} people"
        if unknown:
            sentence += f", of whom people.yaml does not know {', '.join(unknown[:5])}"
        mend = "give each a line in people.yaml with 'slack: U...': who is not there has no right" if unknown else ""
        found.append(Finding(about=f"group {group}", well=bool(members) and not unknown, sentence=sentence, mend=mend))
    return found


async def _people(web: SlackWeb, people: People) -> Finding:
    try:
        members = {str(one["id"]): one for one in await web.pages("users.list", "members", limit=200)}
    except LadderError as error:
        return Finding(about="people", well=False, sentence=error.detail, mend=MANIFEST)
    named = [person for person in people.people if person.slack]
    gone = [p.name for p in named if p.slack not in members or members[p.slack].get("deleted")]
    without = [person.name for person in people.people if not person.slack]
    sentence = f"{len(named) - len(gone)} of people.yaml are in the workspace"
    if without:
        sentence += f"; without a Slack id: {', '.join(without[:5])}"
    if gone:
        sentence += f"; not there: {', '.join(gone[:5])}"
    mend = "correct their 'slack:' in people.yaml" if gone else ""
    return Finding(about="people", well=not gone, sentence=sentence, mend=mend)
