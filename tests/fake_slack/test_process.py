"""The process of its own: where it listens, how it ends, and that it remembers."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from tests.fake_slack.conftest import CHANNEL, RITA, section

from promotion_ladder.fake_slack import FakeSlack, Workspace, read_workspace
from promotion_ladder.fake_slack.__main__ import main

Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the process; its address is the first line it prints."""
    started: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> tuple["subprocess.Popen[str]", str]:
        command = [sys.executable, "-m", "promotion_ladder.fake_slack", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout
        return process, process.stdout.readline().strip().removeprefix("listening on ")

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


async def test_a_restarted_process_shows_the_same_channel(start: Start, tmp_path: Path) -> None:
    options = ("--state", str(tmp_path / "slack.sqlite"))
    process, url = start(*options)
    token = Workspace().bot_token
    client = AsyncWebClient(token=token, base_url=f"{url}/api/")
    posted = await client.chat_postMessage(channel=CHANNEL, text="before")
    await client.files_upload_v2(channel=CHANNEL, content=b"\x89PNG", filename="pnl.png")
    await client.views_publish(user_id=RITA, view={"type": "home", "blocks": [section("hello")]})
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    _, url = start(*options)
    client = AsyncWebClient(token=token, base_url=f"{url}/api/")
    later = await client.chat_postMessage(channel=CHANNEL, text="after")
    history = (await client.conversations_history(channel=CHANNEL))["messages"]
    assert [one["text"] for one in history] == ["after", "", "before"]
    assert str(later["ts"]) > str(posted["ts"])
    assert (await client.files_info(file=history[1]["files"][0]["id"]))["file"]["size"] == 4
    await client.chat_update(channel=CHANNEL, ts=posted["ts"], text="changed")


async def test_open_modals_and_ephemerals_outlive_a_restart_too(tmp_path: Path) -> None:
    path = tmp_path / "slack.sqlite"
    async with FakeSlack(state=path) as slack:
        slack.state.keep_view({"id": "V1", "user": RITA, "type": "modal", "hash": "1.x", "blocks": []})
        slack.state.add_ephemeral(RITA, CHANNEL, {"text": "only you"})
        slack.state.drop_message(CHANNEL, slack.say(RITA, CHANNEL, "gone")["ts"])
    async with FakeSlack(state=path) as slack:
        assert [view["id"] for view in slack.views(RITA)] == ["V1"]
        assert [one["text"] for one in slack.ephemerals(RITA)] == ["only you"]
        assert slack.messages(CHANNEL) == []


def test_a_workspace_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "workspace.yaml"
    path.write_text("team_id: T9\nchannels:\n- {id: C9, name: desk, members: [U0LADDERB]}\n")
    workspace = read_workspace(path)
    assert (workspace.team_id, workspace.channels[0].name, len(workspace.users)) == ("T9", "desk", 5)


@pytest.mark.parametrize("text", ["teamid: T9", "users: 3", "{"])
def test_a_workspace_that_cannot_be_read_ends_with_2(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "workspace.yaml"
    path.write_text(text)
    assert main(["--workspace", str(path)]) == 2
    assert capsys.readouterr().err
