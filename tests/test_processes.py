"""Starting programs: what loses a race for a port at its start gets another go; what cannot run is told apart."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.demo.stories import tell_stories
from promotion_ladder.stack.claim import claim, end_leftovers
from promotion_ladder.stack.local import Ports
from promotion_ladder.stack.processes import Process, end, free_port

EPHEMERAL = 32768
"""The lowest port that Linux hands to outgoing connections by default; macOS and IANA begin at 49152."""

STUMBLES = """
import pathlib, sys, time
falls = pathlib.Path(sys.argv[1])
fallen = int(falls.read_text()) if falls.exists() else 0
falls.write_text(str(fallen + 1))
if fallen < int(sys.argv[2]):
    sys.exit("listen tcp 127.0.0.1:7233: bind: address already in use")
print("up", flush=True)
time.sleep(60)
"""


def stumbling(directory: Path, times: int) -> Process:
    command = [sys.executable, "-c", STUMBLES, str(directory / "falls"), str(times)]
    return Process("the server", command, directory / "log")


async def test_a_server_that_stumbles_at_its_start_is_started_again(tmp_path: Path) -> None:
    process = stumbling(tmp_path, 2)

    async def up() -> bool:
        return process.last_words() == "up"

    await process.begin(up)
    assert process.alive
    assert (tmp_path / "falls").read_text() == "3"
    await end([process])


async def test_a_server_that_never_stands_up_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    process = stumbling(tmp_path, 99)

    async def up() -> bool:
        return False

    with pytest.raises(LadderError, match=r"the server ended at once: .*address already in use") as refused:
        await process.begin(up)
    assert refused.value.code is Code.SOURCE_DOWN
    assert (tmp_path / "falls").read_text() == "3"


def test_of_a_long_last_line_the_end_is_shown_where_go_programs_say_the_cause(tmp_path: Path) -> None:
    process = stumbling(tmp_path, 0)
    process.log.write_text(
        "failed starting server: " + "could not build arguments for " * 40 + "address already in use\n"
    )
    said = process.last_words()
    assert said.startswith("failed starting server")
    assert said.endswith("address already in use")
    assert len(said) <= 310


def test_a_free_port_is_none_that_an_outgoing_connection_can_take_meanwhile() -> None:
    ports = [free_port() for _ in range(50)]
    assert max(ports) < EPHEMERAL
    assert len(set(ports)) > 45, "two stacks that start at once do not choose the same"
    with socket.create_server(("127.0.0.1", ports[0])):
        assert ports[0] not in {free_port() for _ in range(50)}


async def test_how_a_program_ended_is_told_by_its_signal_or_by_its_last_words(tmp_path: Path) -> None:
    process = stumbling(tmp_path, 0)
    process.start()
    process.kill()
    assert process.how_it_ended() == "was ended by SIGKILL"
    fallen = stumbling(tmp_path, 99)
    fallen.start()
    assert fallen.popen is not None
    fallen.popen.wait()
    assert fallen.how_it_ended() == "ended with status 1: listen tcp 127.0.0.1:7233: bind: address already in use"


def test_a_stack_listens_where_it_did_before_unless_somebody_else_does_now(tmp_path: Path) -> None:
    memory = tmp_path / "ports.json"
    first = Ports(prometheus=9090).settled(memory)
    memory.write_text(json.dumps(vars(first)))
    assert Ports(prometheus=9090).settled(memory) == first
    with socket.create_server(("127.0.0.1", first.temporal)):
        moved = Ports(prometheus=9091).settled(memory)
    assert moved.temporal not in (0, first.temporal)
    assert (moved.platform, moved.prometheus) == (first.platform, 9091)
    memory.write_text("torn {")
    assert 0 not in vars(Ports().settled(memory)).values()


def test_a_directory_has_one_stack_at_a_time(tmp_path: Path) -> None:
    first = claim(tmp_path)
    with pytest.raises(LadderError, match="already") as refused:
        claim(tmp_path)
    assert refused.value.code is Code.STACK_RUNS
    first.close()
    claim(tmp_path).close()


async def test_what_a_killed_stack_left_running_is_ended_and_nothing_else(tmp_path: Path) -> None:
    idle = "import time; time.sleep(60)"
    mine, other = (
        Process(name, [sys.executable, "-c", idle, f"--state={tmp_path}/{name}"], tmp_path / name)
        for name in ("mine", "mine-too")
    )
    shell = Process("shell", ["/bin/sh", "-c", f"sleep 60; : --state={tmp_path}/mine"], tmp_path / "shell")
    for process in (mine, other, shell):
        process.start()
    try:
        assert await asyncio.to_thread(end_leftovers, frozenset({f"--state={tmp_path}/mine"})) == 1
        assert not mine.alive
        assert other.alive, "its argument only begins alike"
        assert shell.alive, "a shell that speaks of it is not it"
    finally:
        await end([mine, other, shell])


async def test_a_second_demo_on_the_same_directory_is_refused_and_takes_nothing_from_the_first(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "temporal.db").write_text("the first one's")
    (tmp_path / "summary.json").write_text("[]")
    with claim(state), pytest.raises(LadderError, match="already"):
        await tell_stories(tmp_path, quiet=True)
    assert (state / "temporal.db").exists()
    assert (tmp_path / "summary.json").exists()
