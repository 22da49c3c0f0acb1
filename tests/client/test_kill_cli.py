"""``ladder kill`` and ``ladder drill`` as commands: one clear sentence for each bad input, data with ``-o json``."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.conftest import CONFIG
from tests.terminal import Told, typed

from promotion_ladder.core.codes import Code
from promotion_ladder.simulation.process import SimulationProcess

BOT = "wti-trend"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulationProcess]:
    with SimulationProcess(tmp_path_factory.mktemp("desk") / "state.sqlite", tick=0.1) as process:
        yield process


class Terminal:
    """A terminal on which Temporal does not answer."""

    def __init__(self, url: str, state: Path) -> None:
        self.env = {
            "LADDER_PLATFORM_URL": url, "LADDER_STATE": str(state), "LADDER_CONFIG": str(CONFIG),
            "TEMPORAL_ADDRESS": "127.0.0.1:1", "COLUMNS": "300", "LADDER_AUDIT_URL": f"sqlite:///{state}/audit.sqlite",
            "LADDER_ANCHORS": str(state / "anchors"),
        }  # fmt: skip

    def run(self, command: str, who: str = "rita", **env: str) -> Told:
        return typed(command.split(), {**os.environ, **self.env, "LADDER_IDENTITY": who, **env})


@pytest.fixture
def terminal(platform: SimulationProcess, tmp_path: Path) -> Terminal:
    return Terminal(platform.url, tmp_path)


BAD = {
    "kill nobody -r x -o json": (Code.UNKNOWN_BOT, "no bot 'nobody'", "rita"),
    "kill --scope venue --target moon -r x -o json": (Code.UNKNOWN_TARGET, "known: sim-exchange", "rita"),
    "kill wti-trend -o json": (Code.REASON_NEEDED, "nothing was done", "rita"),
    "kill wti-trend --release -r x -o json": (Code.NOT_LATCHED, "bot wti-trend is not latched", "rita"),
    "kill nobody --release -r x -o json": (Code.UNKNOWN_BOT, "no bot 'nobody'", "rita"),
    "kill --scope market --target GOLD --release -r x -o json": (Code.UNKNOWN_TARGET, "known: WTI, WTI-MINI", "rita"),
    "kill wti-trend --release -r y -o json": (Code.NOT_ENTITLED, "ana may not lift", "ana"),
    "drill wti-trend -o json": (Code.NOT_ENTITLED, "ana may not lift", "ana"),
    "drill wti-carry -o json": (Code.DRILL_REFUSED, "cannot be seen: Temporal", "rita"),
    "drill nobody -o json": (Code.UNKNOWN_BOT, "no bot 'nobody'", "rita"),
}


@pytest.mark.parametrize("command", BAD)
def test_bad_input_is_one_clear_sentence(terminal: Terminal, command: str) -> None:
    code, says, who = BAD[command]
    told = terminal.run(command, who)
    assert told.status == 1
    error = told.json["error"]
    assert (error["code"], says in error["detail"], bool(error["next_step"])) == (code, True, True), error


@pytest.mark.parametrize(
    "command",
    ["kill -r x", "kill wti-trend --scope global -r x", "kill wti-trend --target wti-carry -r x", "drill",
     "kill --scope venue -r x", "kill --scope global --target x -r x", "kill --scope planet --target x -r x",
     "kill wti-trend --mode gently -r x"],
)  # fmt: skip
def test_what_is_not_understood_ends_with_status_2(terminal: Terminal, command: str) -> None:
    told = terminal.run(command)
    assert (told.status, told.out) == (2, "")
    assert "Usage" in told.err


def test_a_release_without_a_platform_is_refused_at_once(terminal: Terminal) -> None:
    told = terminal.run("kill wti-trend --release -r x -y", LADDER_PLATFORM_URL="http://127.0.0.1:1")
    assert told.status == 1
    assert "[OPS_PLATFORM_DOWN]" in told.err


def test_a_kill_is_told_in_words_and_stands_until_all_its_latches_are_lifted(terminal: Terminal) -> None:
    told = terminal.run(f"kill {BOT} -r wrong -y", "ana")
    assert told.status == 0, told
    assert told.out.startswith(f"✔ {BOT} is latched (")
    assert "Temporal at 127.0.0.1:1 does not answer: if a promotion runs, kill again when it does" in told.out
    told = terminal.run("kill --scope global -r all -o json", "ana")
    answer = told.json
    assert (told.status, len(answer["bots"]), answer["recorded"]) == (0, 5, True)
    assert all((bot["way"], bot["flat"]) == ("direct", "flat") for bot in answer["bots"])
    half = terminal.run(f"kill {BOT} --release -r mended -y")
    assert half.status == 1
    assert f"{BOT} is still latched (global all by ana: all)" in half.out
    whole = terminal.run("kill --scope global --release -r mended -y")
    assert (whole.status, "the latch of everything is lifted" in whole.out) == (0, True)
