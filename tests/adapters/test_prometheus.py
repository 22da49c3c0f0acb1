"""Prometheus as a source, against a real server; its failures are in test_prometheus_faults.py."""

import math
import shutil
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from promotion_ladder.adapters.prometheus import PrometheusSource
from promotion_ladder.core.codes import Code
from promotion_ladder.core.evidence import NumberEvidence, NumbersEvidence, Series
from promotion_ladder.stack.processes import free_port

END = datetime.fromtimestamp(int(time.time()) - 600, UTC)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=15)
STALE_MARKER = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]  # what a scrape writes for a lost target


def binary() -> str:
    found = shutil.which("prometheus") or shutil.which("prometheus", path=str(Path(sys.executable).parent))
    if not found:
        pytest.fail("there is no 'prometheus' on PATH or in .venv/bin: run 'make setup'", pytrace=False)
    return found


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "empty.yml").write_text("{}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options: dict[str, object] = {"config.file": folder / "empty.yml", "storage.tsdb.path": folder / "data"}
    options |= {"web.listen-address": f"127.0.0.1:{port}", "log.level": "error"}
    command = [
        binary(),
        "--web.enable-remote-write-receiver",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(200):
                with suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                    break
                time.sleep(0.05)
            else:
                pytest.fail(f"prometheus did not get ready: {(folder / 'log').read_text()[-2000:]}")
            fill(url)
            yield url
        finally:
            process.kill()


def fill(url: str) -> None:
    """Half an hour of history up to END by remote write: exact, at once, and with no tool beside the server."""
    ago = [seconds for seconds in range(1800, -1, -15)]  # noqa: C416 - newest last
    write(url, "pnl", [(s, 1000.5 - s) for s in ago], variant="candidate")
    write(url, "pnl", [(s, 0.0) for s in ago], variant="stable")
    write(url, "tiny", [(s, 1e-7) for s in ago])
    write(url, "turns_nan", [(s, math.nan if s < 60 else 1.0) for s in ago])
    write(url, "turns_infinite", [(s, -math.inf if s < 60 else 1.0) for s in ago])
    write(url, "was_nan", [(s, math.nan if s >= 60 else 1.0) for s in ago])
    write(url, "died", [(s, 1.0) for s in ago if s > 300] + [(300, STALE_MARKER)])
    write(url, "gone", [(s, 1.0) for s in ago if s > 900])
    write(url, "orders_total", [(s, float(1800 - s)) for s in ago])


def write(url: str, metric: str, samples: list[tuple[int, float]], **labels: str) -> None:
    """Remote write 1.0: a protobuf in a snappy block, both small enough to write out here."""

    def varint(number: int) -> bytes:
        return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

    def field(number: int, content: bytes) -> bytes:
        return varint(number << 3 | 2) + varint(len(content)) + content

    series = b"".join(
        field(1, field(1, name.encode()) + field(2, value.encode()))
        for name, value in sorted({"__name__": metric, **labels}.items())
    )
    for ago, value in samples:
        at = round(END.timestamp() * 1000) - ago * 1000
        series += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at))
    message = field(1, series)
    literals = (message[start : start + 60] for start in range(0, len(message), 60))
    body = varint(len(message)) + b"".join(bytes([len(part) - 1 << 2]) + part for part in literals)
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/api/v1/write", body, headers), timeout=5):
            pass
    except urllib.error.HTTPError as error:
        pytest.fail(f"remote write of {metric} was refused: {error.read().decode()}")


async def ask(
    url: str, query: str, *, before: timedelta = timedelta(), window: timedelta = 20 * MINUTE, step: timedelta = STEP
) -> NumberEvidence:
    source = PrometheusSource(url)
    try:
        return await source.measure(query, END - before - window, END - before, step)
    finally:
        await source.close()


async def test_the_newest_value_is_exact_and_its_samples_are_counted(prometheus: str) -> None:
    query = 'pnl{variant="candidate"}'
    assert await ask(prometheus, query) == NumberEvidence(value=Decimal("1000.5"), at=END, samples=81, source=query)


async def test_small_numbers_keep_their_digits(prometheus: str) -> None:
    assert (await ask(prometheus, "tiny")).value == Decimal("1e-7")


@pytest.mark.parametrize("seconds", [0.0, 0.25, 7.3, 14.999])
async def test_the_last_step_falls_on_the_end_of_the_window(prometheus: str, seconds: float) -> None:
    # Steps count from the start, and the library rounds both ends to whole seconds.
    window = 20 * MINUTE + timedelta(seconds=seconds)
    answer = await ask(prometheus, 'pnl{variant="candidate"}', before=timedelta(seconds=0.25), window=window)
    assert answer.at == END - timedelta(seconds=0.25)
    assert answer.samples == 81 + (window - timedelta(seconds=0.25) >= 20 * MINUTE + STEP)


async def test_a_window_shorter_than_a_step_is_one_look_at_its_end(prometheus: str) -> None:
    answer = await ask(prometheus, "tiny", window=timedelta(seconds=1), step=MINUTE)
    assert (answer.value, answer.samples, answer.at) == (Decimal("1e-7"), 1, END)


async def test_a_window_too_long_for_prometheus_gets_longer_steps(prometheus: str) -> None:
    answer = await ask(prometheus, "tiny", window=timedelta(days=14), step=timedelta(seconds=15))
    assert (answer.value, answer.at, answer.problem) == (Decimal("1e-7"), END, None)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("scalar(tiny) * 0 + 3", "3"),
        ("42", "42"),
        ("sum(pnl)", "1000.5"),
        ("rate(orders_total[5m])", "1"),
        ("vector(1)", "1"),
    ],
)
async def test_scalars_and_aggregates_are_numbers_too(prometheus: str, query: str, value: str) -> None:
    answer = await ask(prometheus, query)
    assert answer.problem is None, answer.detail
    assert answer.value == Decimal(value)


@pytest.mark.parametrize("query", ["no_such_metric", "tiny > 1", "vector(NaN) > 0.05", "died offset -1s"])
async def test_no_series_is_no_data(prometheus: str, query: str) -> None:
    answer = await ask(prometheus, query, window=4 * MINUTE)
    assert (answer.problem, answer.value, answer.samples) == (Code.NO_DATA, None, 0)


@pytest.mark.parametrize("query", ["turns_nan", "turns_infinite"])
async def test_a_newest_sample_that_is_no_number_is_said(prometheus: str, query: str) -> None:
    answer = await ask(prometheus, query)
    assert (answer.problem, answer.value, answer.at, answer.samples) == (Code.NOT_A_NUMBER, None, END, 77)


async def test_a_number_divided_by_zero_is_no_number(prometheus: str) -> None:
    query = 'pnl{variant="candidate"} / ignoring(variant) pnl{variant="stable"}'
    assert (await ask(prometheus, query)).problem is Code.NOT_A_NUMBER


async def test_only_finite_samples_count(prometheus: str) -> None:
    answer = await ask(prometheus, "was_nan")
    assert (answer.value, answer.samples) == (Decimal(1), 4)


async def test_a_lost_target_is_stale_at_once(prometheus: str) -> None:
    answer = await ask(prometheus, "died")
    assert (answer.problem, answer.value) == (Code.STALE_DATA, None)
    assert answer.at == END - timedelta(seconds=315)
    assert "315 s old" in answer.detail


async def test_how_old_is_too_old_follows_the_step(prometheus: str) -> None:
    assert (await ask(prometheus, "died", step=2 * MINUTE)).problem is None
    assert (await ask(prometheus, "died", step=MINUTE)).problem is Code.STALE_DATA


async def test_an_exporter_that_fell_silent_is_stale_after_the_look_back(prometheus: str) -> None:
    assert (await ask(prometheus, "gone")).problem is Code.STALE_DATA


async def test_several_series_are_named(prometheus: str) -> None:
    answer = await ask(prometheus, "pnl")
    assert (answer.problem, answer.value) == (Code.SEVERAL_SERIES, None)
    assert 'variant="candidate"' in answer.detail
    assert 'variant="stable"' in answer.detail


async def listed(url: str, query: str, *, window: timedelta = 20 * MINUTE, step: timedelta = STEP) -> Series:
    source = PrometheusSource(url)
    try:
        return await source.samples(query, END - window, END, step)
    finally:
        await source.close()


async def test_all_samples_of_a_series_are_given_oldest_first(prometheus: str) -> None:
    found = await listed(prometheus, 'pnl{variant="candidate"}', window=MINUTE)
    assert found == Series(values=(940.5, 955.5, 970.5, 985.5, 1000.5))


@pytest.mark.parametrize("query", ["turns_nan", "turns_infinite"])
async def test_samples_that_are_no_number_keep_their_place(prometheus: str, query: str) -> None:
    found = await listed(prometheus, query, window=2 * MINUTE)
    assert found == Series(values=(1.0,) * 5 + (None,) * 4)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("no_such_metric", Code.NO_DATA),
        ("died", Code.STALE_DATA),
        ("pnl", Code.SEVERAL_SERIES),
        ("sum(", Code.QUERY_REFUSED),
    ],
)
async def test_samples_have_the_problems_of_a_value(prometheus: str, query: str, problem: Code) -> None:
    found, value = await listed(prometheus, query), await ask(prometheus, query)
    assert (found.values, found.problem, found.detail) == ((), problem, value.detail)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum(", "parse error"),
        ("pnl + on() pnl", "many-to-many"),
        ("tiny[5m]", "range vector"),
        ('"text"', "string"),
    ],
)
async def test_a_wrong_query_is_refused_in_the_words_of_prometheus(prometheus: str, query: str, words: str) -> None:
    answer = await ask(prometheus, query)
    assert answer.problem is Code.QUERY_REFUSED
    assert words in answer.detail
    assert answer.source == query


async def test_a_query_longer_than_any_url_is_answered(prometheus: str) -> None:
    answer = await ask(prometheus, f'tiny{{job!="{"x" * 200_000}"}}')
    assert answer.value == Decimal("1e-7")


@pytest.mark.parametrize(("window", "step"), [(-MINUTE, STEP), (MINUTE, timedelta()), (MINUTE, -STEP)])
async def test_a_window_that_makes_no_sense_is_refused(prometheus: str, window: timedelta, step: timedelta) -> None:
    assert (await ask(prometheus, "tiny", window=window, step=step)).problem is Code.QUERY_REFUSED


async def spread(url: str, query: str, label: str) -> NumbersEvidence:
    source = PrometheusSource(url)
    try:
        return await source.spread(query, label, END)
    finally:
        await source.close()


async def test_the_values_of_a_label_are_told_apart(prometheus: str) -> None:
    found = await spread(prometheus, "pnl", "variant")
    assert found == NumbersEvidence(numbers={"candidate": Decimal("1000.5"), "stable": Decimal(0)})


async def test_no_series_is_nothing_and_no_problem(prometheus: str) -> None:
    assert await spread(prometheus, "count by (alertname) (ALERTS)", "alertname") == NumbersEvidence()


@pytest.mark.parametrize(
    ("query", "label", "problem", "words"),
    [
        ("pnl", "market", Code.QUERY_REFUSED, "aggregate with 'by (market)'"),
        ("sum(pnl)", "variant", Code.QUERY_REFUSED, "without 'variant'"),
        ('label_replace(pnl, "x", "y", "", "")', "x", Code.SEVERAL_SERIES, 'two series have x="y"'),
        ('label_replace(turns_nan, "x", "y", "", "")', "x", Code.NOT_A_NUMBER, 'x="y" is NaN'),
        ("42", "x", Code.QUERY_REFUSED, "without 'x'"),
        ("sum(", "x", Code.QUERY_REFUSED, "parse error"),
    ],
)
async def test_a_spread_that_says_nothing_certain_says_why(
    prometheus: str, query: str, label: str, problem: Code, words: str
) -> None:
    found = await spread(prometheus, query, label)
    assert found.problem is problem
    assert words in found.detail
    assert found.numbers == {}
