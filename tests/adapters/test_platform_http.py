"""The HTTP adapter against bad servers, and against a simulation whose answers get lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.flat import Flatness
from promotion_ladder.core.platform import HoldOutOrder, LatchOrder, Mode, PrepareOrder, Variant
from promotion_ladder.simulation.process import Knobs, SimulationProcess

BOT = "wti-trend"
Verb = Callable[[HttpPlatform], Awaitable[object]]
LATCH = LatchOrder(scope="bot", target=BOT, reason="r", by="alice", key="k")
HOLD_OUT = HoldOutOrder(digest="d", version="2", reason="r", by="alice", key="k")
VERBS: dict[str, Verb] = {
    "describe": lambda platform: platform.describe(BOT),
    "knows": lambda platform: platform.knows(BOT, "d"),
    "acquire": lambda platform: platform.acquire(BOT, "p"),
    "pause_entries": lambda platform: platform.pause_entries(BOT, Variant.CANDIDATE, "k"),
    "exit_position": lambda platform: platform.exit_position(BOT, Variant.CANDIDATE, "WTI", "k"),
    "telemetry": lambda platform: platform.telemetry(BOT, Variant.CANDIDATE),
    "latch": lambda platform: platform.latch(BOT, LATCH),
    "hold_out": lambda platform: platform.hold_out(BOT, HOLD_OUT),
}
FACTS = (
    '{"bot":"b","account":"a","venue":"v","instruments":["I"],"stable":{"version":"1","digest":"d"},"epoch":0,'
    '"promotion_id":null,"total_capital":CAPITAL}'
)


@asynccontextmanager
async def answering(answer: bytes, pause: float = 0) -> AsyncIterator[HttpPlatform]:
    """A server that says ``answer`` to everything, byte by byte with ``pause`` between if there is one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            for piece in [answer[i : i + 1] for i in range(len(answer))] if pause else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    platform = HttpPlatform(f"http://127.0.0.1:{port}", connect_seconds=0.5, total_seconds=0.5)
    try:
        yield platform
    finally:
        await platform.close()
        server.close()


def http(status: str, kind: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


async def error_of(call: Awaitable[object]) -> LadderError:
    with pytest.raises(LadderError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("verb", VERBS)
async def test_a_server_error_names_verb_and_bot(verb: str) -> None:
    async with answering(http("500 Internal Server Error", "text/html", "<h1>Oops</h1>")) as platform:
        error = await error_of(VERBS[verb](platform))
    assert error.code is Code.PLATFORM_DOWN
    assert verb in error.detail
    assert BOT in error.detail
    assert "500" in error.detail


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "pause_entries"])
async def test_a_page_of_html_is_no_answer(verb: str) -> None:
    async with answering(http("200 OK", "text/html", "<h1>Log in</h1>")) as platform:
        error = await error_of(VERBS[verb](platform))
    assert error.code is Code.PLATFORM_DOWN
    assert "cannot be read" in error.detail


@pytest.mark.parametrize("capital", ["NaN", '"NaN"', '"Infinity"', "null", '"much"'])
async def test_not_a_number_is_no_answer(capital: str) -> None:
    body = FACTS.replace("CAPITAL", capital)
    async with answering(http("200 OK", "application/json", body)) as platform:
        error = await error_of(platform.describe("b"))
    assert error.code is Code.PLATFORM_DOWN
    async with answering(http("200 OK", "application/json", FACTS.replace("CAPITAL", '"10.50"'))) as platform:
        assert (await platform.describe("b")).total_capital == Decimal("10.50")


async def test_a_reason_nobody_knows_is_told_but_not_trusted() -> None:
    body = '{"code":"OPS_MOON_PHASE","detail":"full moon","next_step":"wait"}'
    async with answering(http("409 Conflict", "application/json", body)) as platform:
        error = await error_of(platform.describe(BOT))
    assert error.code is Code.PLATFORM_DOWN
    assert "full moon" in error.detail


async def test_a_reason_that_is_known_is_passed_on() -> None:
    body = '{"code":"RISK_LATCHED","detail":"latched by rita","next_step":"ask rita"}'
    async with answering(http("409 Conflict", "application/json", body)) as platform:
        error = await error_of(platform.acquire(BOT, "p"))
    assert (error.code, error.detail, error.next_step) == (Code.LATCHED, "latched by rita", "ask rita")


async def test_a_hanging_server_is_given_up_on() -> None:
    async with answering(b"H", pause=1) as platform:
        error = await error_of(platform.describe(BOT))
    assert error.code is Code.PLATFORM_DOWN


async def test_a_server_that_drips_is_given_up_on_too() -> None:
    started = asyncio.get_running_loop().time()
    async with answering(http("200 OK", "application/json", "[" + " " * 200), pause=0.02) as platform:
        error = await error_of(platform.bots())
    assert error.code is Code.PLATFORM_DOWN
    assert asyncio.get_running_loop().time() - started < 2


async def test_nobody_there_is_down_and_unreachable() -> None:
    platform = HttpPlatform("http://127.0.0.1:9")
    try:
        assert (await error_of(platform.exposures())).code is Code.PLATFORM_DOWN
        assert (await platform.verify_flat(BOT, Variant.STABLE)).state is Flatness.UNREACHABLE
    finally:
        await platform.close()


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulationProcess]:
    folder: Path = tmp_path_factory.mktemp("http")
    with SimulationProcess(folder / "state.sqlite", tick=0) as process:
        yield process


@asynccontextmanager
async def both(simulation: SimulationProcess, seconds: float = 5) -> AsyncIterator[tuple[HttpPlatform, Knobs]]:
    platform, knobs = HttpPlatform(simulation.url, total_seconds=seconds), Knobs(simulation.url)
    try:
        yield platform, knobs
    finally:
        await knobs.clear_faults()
        await knobs.close()
        await platform.close()


async def test_a_lost_answer_and_the_same_key_again_is_one_effect(simulation: SimulationProcess) -> None:
    async with both(simulation) as (platform, knobs):
        release = await knobs.make(BOT, "2.0.0")
        await knobs.fault("lost_response", verb="acquire", count=1)
        assert (await error_of(platform.acquire(BOT, "p"))).code is Code.PLATFORM_DOWN
        epoch = await platform.acquire(BOT, "p")
        assert len(await knobs.effects(BOT, "acquire")) == epoch == 1
        order = PrepareOrder(
            promotion_id="p", epoch=epoch, release=release, stage="shadow", mode=Mode.SHADOW, key="prepare"
        )
        await knobs.fault("lost_response", verb="prepare", count=1)
        assert (await error_of(platform.prepare(order))).code is Code.PLATFORM_DOWN
        await platform.prepare(order)
        assert len(await knobs.effects(BOT, "prepare")) == 1


async def test_a_lost_exit_is_not_sent_twice(simulation: SimulationProcess) -> None:
    async with both(simulation) as (platform, knobs):
        await knobs.fault("hold_on")
        await knobs.advance(10)
        position = (await platform.positions("wti-carry", Variant.STABLE))[0]
        await knobs.fault("lost_response", verb="exit_position", count=1)
        lost = platform.exit_position("wti-carry", Variant.STABLE, position.instrument, "e")
        assert (await error_of(lost)).code is Code.PLATFORM_DOWN
        receipt = await platform.exit_position("wti-carry", Variant.STABLE, position.instrument, "e")
        assert receipt.filled == abs(position.quantity)
        sent = [e for e in await knobs.effects("wti-carry", "order") if e["key"] == "e"]
        assert len(sent) == 1
        assert sent[0]["detail"]["order_id"] == receipt.order_id


async def test_errors_and_refusals_before_the_effect_leave_nothing(simulation: SimulationProcess) -> None:
    async with both(simulation) as (platform, knobs):
        before = len(await knobs.effects(BOT))
        await knobs.fault("error500", verb="latch", count=1)
        assert (await error_of(platform.latch(BOT, LATCH))).code is Code.PLATFORM_DOWN
        await knobs.fault("refuse", verb="latch", count=1)
        assert (await error_of(platform.latch(BOT, LATCH))).code is Code.PLATFORM_REFUSED
        assert len(await knobs.effects(BOT)) == before


async def test_a_late_answer_is_given_up_on_and_the_same_key_tells_what_happened(simulation: SimulationProcess) -> None:
    async with both(simulation, seconds=0.3) as (platform, knobs):
        await knobs.fault("latency", verb="hold_out", seconds=0.6, count=1)
        assert (await error_of(platform.hold_out(BOT, HOLD_OUT))).code is Code.PLATFORM_DOWN
        facts = await platform.hold_out(BOT, HOLD_OUT)
        assert [each.digest for each in facts.held_out] == ["d"]
        await asyncio.sleep(0.5)
        assert len(await knobs.effects(BOT, "hold_out")) == 1


async def test_a_frozen_platform_is_given_up_on(simulation: SimulationProcess) -> None:
    async with both(simulation, seconds=0.3) as (platform, _):
        simulation.freeze()
        try:
            assert (await error_of(platform.describe(BOT))).code is Code.PLATFORM_DOWN
            assert (await platform.verify_flat(BOT, Variant.STABLE)).state is Flatness.UNREACHABLE
        finally:
            simulation.thaw()
        assert (await platform.describe(BOT)).bot == BOT


async def test_odd_names_do_not_leave_their_place_in_the_path(simulation: SimulationProcess) -> None:
    async with both(simulation) as (platform, _):
        for name in ("../bots", "a/b", "a?b=c", "a b", "%2e"):
            assert (await error_of(platform.describe(name))).code in (Code.UNKNOWN_BOT, Code.PLATFORM_DOWN)
