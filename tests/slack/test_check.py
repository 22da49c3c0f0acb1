"""``ladder slack check``: each thing it looks at, well and not well; and what both commands cannot begin with."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.slack.conftest import CHANNEL, SECOND, Side
from tests.slack.conftest import DESK as DESK_OF_NOTICES
from tests.terminal import typing

from promotion_ladder import settings
from promotion_ladder.adapters.slack.web import SlackWeb, web_client
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.notice import NoticeKind
from promotion_ladder.fake_slack import Channel, FakeSlack
from promotion_ladder.gateway.check import SCOPES, Finding, check
from promotion_ladder.gateway.commands import COMMAND
from promotion_ladder.settings import Settings, shipped_config

GROUP, RITA, OMAR, STRANGER = "S0RISK001", "U0RITA003", "U0OMAR004", "U0STRANGE"
DESK: dict[str, Any] = {"team": "T0LADDER1", "channel": CHANNEL, "escalation": SECOND}
ALL = ["bot token", "workspace", "scopes", "app token", "channel", "escalation", f"group {GROUP}", "people"]


class SetUp:
    """A configuration that fits the imitated workspace, and the environment of a terminal."""

    def __init__(self, slack: FakeSlack, directory: Path) -> None:
        self.slack = slack
        self.config = directory / "config"
        shutil.copytree(shipped_config(), self.config, symlinks=False, ignore=shutil.ignore_patterns("demo"))
        self.desk(DESK)
        self.groups({GROUP: ["risk"]})
        self.env = {
            "LADDER_CONFIG": str(self.config), "LADDER_STATE": str(directory), "LADDER_SLACK_API": slack.base_url,
            "SLACK_BOT_TOKEN": slack.workspace.bot_token, "SLACK_APP_TOKEN": slack.workspace.app_token,
        }  # fmt: skip

    def desk(self, desk: dict[str, Any]) -> None:
        (self.config / "slack.yaml").write_text(yaml.safe_dump(desk))

    def groups(self, groups: dict[str, list[str]]) -> None:
        people = yaml.safe_load((self.config / "people.yaml").read_text())
        (self.config / "people.yaml").write_text(yaml.safe_dump({**people, "groups": groups}))

    @property
    def settings(self) -> Settings:
        return settings.load(self.env)

    async def findings(self) -> list[Finding]:
        return await check(self.settings, SlackWeb(web_client(self.env["SLACK_BOT_TOKEN"], self.slack.base_url)))

    async def finds(self, about: str) -> Finding:
        """The only finding that is not well, which must be about ``about``."""
        (bad,) = [one for one in await self.findings() if not one.well]
        assert bad.about == about
        assert bad.mend
        return bad

    async def says(self, *words: str, **env: str | None) -> tuple[int, str, str]:
        """Exit status, output and errors of ``ladder slack …``; ``env`` changes the terminal's, None unsets."""
        found = {name: value for name, value in (self.env | env).items() if value is not None}
        told = await typing(("slack", *words), {"PATH": os.environ["PATH"], **found}, cwd=self.config.parent)
        return told.status, told.out, told.err


@pytest.fixture
def set_up(slack: FakeSlack, tmp_path: Path) -> SetUp:
    return SetUp(slack, tmp_path)


# --- what it looks at -------------------------------------------------------------------------------------------------


async def test_a_good_set_up_is_well_in_every_respect(set_up: SetUp) -> None:
    found = await set_up.findings()

    assert [(one.about, one.well, one.mend) for one in found] == [(about, True, "") for about in ALL]
    told = {one.about: one.sentence for one in found}
    assert told["bot token"] == "ladder in Trading desk"
    assert told["channel"] == "the app is in #ladder"
    assert told["escalation"] == "the app is in #ladder-escalation"
    assert told[f"group {GROUP}"] == "gives risk to 1 people"
    assert told["people"] == "5 of people.yaml are in the workspace"


@pytest.mark.parametrize("word", ["token_revoked", "account_inactive", "token_expired"])
async def test_a_token_that_slack_refuses_is_all_that_is_told(set_up: SetUp, word: str) -> None:
    set_up.slack.revoke(set_up.env["SLACK_BOT_TOKEN"], word)
    found = await set_up.findings()

    assert [one.about for one in found] == ["bot token"]
    bad = await set_up.finds("bot token")
    assert bad.sentence == f"Slack does not take it: {word}"
    assert "manifest.yaml" in bad.mend


@pytest.mark.parametrize("how", ["503", "refuse"])
async def test_a_slack_that_is_down_is_no_bad_token(set_up: SetUp, how: Any) -> None:
    await set_up.slack.outage(how)
    bad = await set_up.finds("bot token")

    assert bad.sentence.startswith("Slack does not answer")
    assert "status.slack.com" in bad.mend
    assert "install" not in bad.mend


async def test_a_slack_that_asks_for_a_pause_is_no_bad_token(set_up: SetUp) -> None:
    set_up.slack.fault("auth.test", "error", error="ratelimited")
    assert (await set_up.finds("bot token")).sentence == "Slack does not answer (ratelimited)"


async def test_the_token_of_another_workspace_is_told_with_both_ids(set_up: SetUp) -> None:
    set_up.desk(DESK | {"team": "T0OTHER"})
    bad = await set_up.finds("workspace")

    assert bad.sentence == "T0LADDER1, not T0OTHER"
    assert "'team: T0LADDER1'" in bad.mend


@pytest.mark.parametrize("scope", ["chat:write", "commands", "channels:history", "files:write", "im:write"])
async def test_a_missing_scope_is_named_with_what_it_is_for(set_up: SetUp, scope: str) -> None:
    set_up.slack.workspace.scopes.remove(scope)
    bad = await set_up.finds("scopes")

    assert bad.sentence == f"lacks {scope} ({SCOPES[scope]})"


async def test_scopes_without_which_it_cannot_look_spoil_only_what_needs_them(set_up: SetUp) -> None:
    for scope in ("usergroups:read", "users:read"):
        set_up.slack.workspace.scopes.remove(scope)
    bad = {one.about: one.sentence for one in await set_up.findings() if not one.well}

    assert list(bad) == ["scopes", f"group {GROUP}", "people"]
    assert "missing_scope (needs usergroups:read)" in bad[f"group {GROUP}"]
    assert "missing_scope (needs users:read)" in bad["people"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s: s.env.update(SLACK_APP_TOKEN="xapp-wrong"), "invalid_auth"),
        (lambda s: s.slack.revoke(s.env["SLACK_APP_TOKEN"]), "token_revoked"),
        (lambda s: s.env.update(SLACK_APP_TOKEN=s.env["SLACK_BOT_TOKEN"]), "not_allowed_token_type"),
        (lambda s: s.slack.workspace.app_scopes.clear(), "missing_scope (needs connections:write)"),
        (lambda s: s.env.pop("SLACK_APP_TOKEN"), "neither SLACK_APP_TOKEN nor a signing secret"),
    ],
    ids=["wrong", "revoked", "the bot's", "without its scope", "missing"],
)
async def test_an_app_token_that_opens_no_socket_is_told(
    set_up: SetUp, spoil: Callable[[SetUp], Any], words: str
) -> None:
    spoil(set_up)
    bad = await set_up.finds("app token")

    assert words in bad.sentence
    assert "connections:write" in bad.mend


async def test_over_http_no_app_token_is_needed(set_up: SetUp) -> None:
    del set_up.env["SLACK_APP_TOKEN"]
    set_up.env["SLACK_SIGNING_SECRET"] = "secret"
    (found,) = [one for one in await set_up.findings() if one.about == "app token"]

    assert (found.well, found.sentence) == (True, "none; requests come over HTTP, signed")


@pytest.mark.parametrize("about", ["channel", "escalation"])
async def test_a_channel_that_takes_no_message_is_told(set_up: SetUp, about: str) -> None:
    here = set_up.slack.workspace.channel(DESK[about])
    assert here is not None
    here.members.remove(set_up.slack.workspace.bot_user)
    bad = await set_up.finds(about)
    assert (bad.sentence, bad.mend) == (f"the app is not in #{here.name}", f"/invite the app in #{here.name}")

    set_up.slack.archive(here.id)  # then nobody can be invited, so that is told first
    assert (await set_up.finds(about)).sentence == f"#{here.name} is archived"

    set_up.desk(DESK | {about: "C0NOWHERE"})
    bad = await set_up.finds(about)
    assert "channel_not_found" in bad.sentence
    assert "(C...)" in bad.mend


async def test_an_escalation_to_a_person_is_looked_up(set_up: SetUp) -> None:
    set_up.desk(DESK | {"escalation": OMAR})
    told = {one.about: one.sentence for one in await set_up.findings()}
    assert told["escalation"] == "Omar Haddad is told directly"

    set_up.desk(DESK | {"escalation": STRANGER})
    assert "user_not_found" in (await set_up.finds("escalation")).sentence

    set_up.desk({name: value for name, value in DESK.items() if name != "escalation"})
    assert "escalation" not in [one.about for one in await set_up.findings()]


async def test_a_group_that_slack_does_not_know_or_that_is_empty_is_told(set_up: SetUp) -> None:
    set_up.groups({"S0NOBODY1": ["risk"]})
    assert "no_such_subteam" in (await set_up.finds("group S0NOBODY1")).sentence

    set_up.groups({GROUP: ["risk"]})
    set_up.slack.set_members(GROUP, [])
    bad = [one for one in await set_up.findings() if not one.well]
    assert [(one.about, one.sentence) for one in bad] == [(f"group {GROUP}", "gives risk to 0 people")]


async def test_a_member_of_a_group_whom_people_yaml_does_not_know_is_named(set_up: SetUp) -> None:
    set_up.slack.set_members(GROUP, [RITA, STRANGER])
    bad = await set_up.finds(f"group {GROUP}")

    assert bad.sentence == f"gives risk to 2 people, of whom people.yaml does not know {STRANGER}"
    assert "who is not there has no right" in bad.mend


async def test_people_who_have_left_the_workspace_are_named(set_up: SetUp) -> None:
    here = set_up.slack.workspace
    next(one for one in here.users if one.id == OMAR).deleted = True
    assert "not there: omar" in (await set_up.finds("people")).sentence

    here.users = [one for one in here.users if one.id != OMAR]
    bad = await set_up.finds("people")
    assert bad.sentence == "4 of people.yaml are in the workspace; not there: omar"
    assert "'slack:'" in bad.mend


async def test_people_without_a_slack_id_are_well_and_named(set_up: SetUp) -> None:
    people = yaml.safe_load((set_up.config / "people.yaml").read_text())
    del people["people"][0]["slack"]
    (set_up.config / "people.yaml").write_text(yaml.safe_dump(people))
    found = {one.about: one for one in await set_up.findings()}["people"]

    assert (found.well, found.sentence) == (True, "4 of people.yaml are in the workspace; without a Slack id: ana")


async def test_files_that_cannot_be_read_are_an_error_and_no_finding(set_up: SetUp) -> None:
    (set_up.config / "people.yaml").write_text("people: nobody\n")
    with pytest.raises(LadderError) as caught:
        await set_up.findings()
    assert caught.value.code is Code.DIRECTORY_UNREADABLE


# --- the manifest -----------------------------------------------------------------------------------------------------


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((shipped_config() / "slack" / "manifest.yaml").read_text())
    return found


def test_the_manifest_asks_for_the_scopes_that_are_checked_and_no_others() -> None:
    scopes = manifest()["oauth_config"]["scopes"]
    private = {scope.replace("channels:", "groups:") for scope in SCOPES if scope.startswith("channels:")}

    assert list(scopes) == ["bot"]
    assert len(scopes["bot"]) == len(set(scopes["bot"]))
    assert set(scopes["bot"]) == set(SCOPES) | private
    assert private == {"groups:history", "groups:read"}


def test_the_manifest_offers_what_the_gateway_hears() -> None:
    found = manifest()

    assert [one["command"] for one in found["features"]["slash_commands"]] == [COMMAND]
    assert found["features"]["app_home"]["home_tab_enabled"]
    assert found["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened"]
    assert found["settings"]["interactivity"]["is_enabled"]
    assert found["settings"]["socket_mode_enabled"]


async def test_the_scopes_of_the_manifest_suffice_for_the_check_and_for_notices(set_up: SetUp, side: Side) -> None:
    set_up.slack.workspace.scopes = manifest()["oauth_config"]["scopes"]["bot"]
    assert [one for one in await set_up.findings() if not one.well] == []

    side.desk = DESK_OF_NOTICES.model_copy(update={"escalation": OMAR})
    side.notifier = side.worker()
    set_up.slack.fault("chat.postMessage", "lose")
    with pytest.raises(LadderError):
        await side.tell(NoticeKind.APPROVAL_NEEDED)  # it is looked for in the channel's history when tried again
    await side.tell(NoticeKind.APPROVAL_NEEDED)
    await side.tell(NoticeKind.ESCALATED)
    called = set_up.slack.calls()
    assert {"conversations.history", "conversations.open", "chat.postMessage"} <= {call.method for call in called}
    assert "missing_scope" not in {call.error for call in called}


# --- as processes -----------------------------------------------------------------------------------------------------


async def test_the_check_ends_with_0_when_all_is_well_and_with_1_when_not(set_up: SetUp) -> None:
    status, told, wrong = await set_up.says("check")
    assert (status, wrong) == (0, "")
    assert [line[:2] for line in told.splitlines()] == ["✔ "] * len(ALL)
    assert all(line[2:].startswith(about) for line, about in zip(told.splitlines(), ALL, strict=True))

    set_up.slack.archive(CHANNEL)
    status, told, wrong = await set_up.says("check")
    assert status == 1
    assert "✖ channel" in told
    assert wrong == "  → unarchive it, or name another one\n"

    status, told, wrong = await set_up.says("check", "-o", "json")
    assert (status, wrong) == (1, "")
    assert {one["about"]: one["well"] for one in json.loads(told)} == dict.fromkeys(ALL, True) | {"channel": False}


CANNOT_BEGIN: dict[str, tuple[dict[str, str | None], str, Code]] = {
    "no token": ({"SLACK_BOT_TOKEN": None}, "SLACK_BOT_TOKEN is not set", Code.SLACK_CONFIG),
    "no slack.yaml": ({"LADDER_SLACK": "nowhere.yaml"}, "nowhere.yaml", Code.SLACK_CONFIG),
}


@pytest.mark.parametrize("words", [(), ("check",)], ids=["slack", "check"])
@pytest.mark.parametrize(("env", "detail", "code"), CANNOT_BEGIN.values(), ids=CANNOT_BEGIN)
async def test_what_they_cannot_begin_with_is_said_in_one_sentence(
    set_up: SetUp, words: tuple[str, ...], env: dict[str, str | None], detail: str, code: Code
) -> None:
    status, told, wrong = await set_up.says(*words, **env)

    assert (status, told) == (1, "")
    sentence, next_step = wrong.splitlines()
    assert sentence.startswith("✖ ")
    assert detail in sentence
    assert sentence.endswith(f"[{code}]")
    assert next_step == f"→ {code.next_step}"


async def test_a_broken_slack_yaml_is_told_with_line_and_column(set_up: SetUp) -> None:
    (set_up.config / "slack.yaml").write_text(f"team: T0LADDER1\nchannel: '#ladder'\nescalation: {SECOND}\n")
    for words in ((), ("check",)):
        status, told, wrong = await set_up.says(*words)
        assert (status, told) == (1, "")
        assert "slack.yaml:2:10" in wrong
        assert Code.SLACK_CONFIG in wrong


async def test_a_wrong_token_ends_the_gateway_with_slacks_own_word(set_up: SetUp) -> None:
    status, told, wrong = await set_up.says(SLACK_BOT_TOKEN="xoxb-wrong", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (status, told) == (1, "")
    assert "Slack refused auth.test: invalid_auth" in wrong
    assert Code.SLACK_TOKEN in wrong
    assert "xoxb-wrong" not in wrong

    set_up.desk(DESK | {"team": "T0OTHER"})
    status, told, wrong = await set_up.says(TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (status, told) == (1, "")
    assert "the token is for workspace T0LADDER1, slack.yaml names T0OTHER" in wrong


@pytest.mark.parametrize("place", ["nonsense", "0.0.0.0:", ":8080", "0.0.0.0:99999", "0.0.0.0:http"])
async def test_a_place_to_listen_that_is_none_is_a_usage_error(set_up: SetUp, place: str) -> None:
    status, told, wrong = await set_up.says("--http", place)
    assert (status, told) == (2, "")
    assert f"'{place}' is no HOST:PORT" in " ".join(wrong.replace("│", " ").split())


async def test_over_http_nobody_is_heard_without_a_signing_secret(set_up: SetUp) -> None:
    status, told, wrong = await set_up.says("--http", "127.0.0.1:0", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (status, told) == (1, "")
    assert "SLACK_SIGNING_SECRET is not set" in wrong
    assert Code.SLACK_CONFIG in wrong
    assert set_up.slack.calls() == []  # said before anything else is asked


async def test_a_channel_of_the_workspace_that_is_private_is_found_by_its_id(set_up: SetUp) -> None:
    bot = set_up.slack.workspace.bot_user
    set_up.slack.workspace.channels.append(Channel(id="G0PRIVATE", name="desk", members=[bot]))
    set_up.desk(DESK | {"channel": "G0PRIVATE"})

    assert [one.about for one in await set_up.findings() if not one.well] == []
