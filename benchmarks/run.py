"""Measure the ladder against peers in the same run: ``python benchmarks/run.py [--only NAME] [--n N] [-o FILE]``.

A benchmark that could not be run is named at the end, and the exit status is 1; slow numbers are no failure.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import backtest, cold_start, crowd, direct, footprint, history, judging, latency, slack
from benchmarks.measure import Benchmark, Result

ALL: tuple[Benchmark, ...] = (
    *judging.BENCHMARKS, *backtest.BENCHMARKS, *history.BENCHMARKS, *cold_start.BENCHMARKS,
    *footprint.BENCHMARKS, *latency.BENCHMARKS, *direct.BENCHMARKS, *slack.BENCHMARKS, *crowd.BENCHMARKS,
)  # fmt: skip


NUMBERS = ("n", "p50", "p99", "floor p50", "floor p99", "ratio p50", "ratio p99")
WIDTH = 130
"""Columns that the table needs, also where no terminal says how wide it is."""
QUIET = TelemetryFilter(core_level="ERROR", other_level="ERROR")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    names = [name for benchmark in ALL for name in benchmark.names]
    parser = argparse.ArgumentParser(description="Measure the ladder against peers in the same run.")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--n", type=int, help="samples of each benchmark, instead of its own number")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("build/bench.json"),
        help="the JSON file; a Markdown table goes beside it",
    )
    asked = parser.parse_args()
    if asked.n is not None and asked.n < 1:
        parser.error("--n is at least 1")
    return asked


async def measure(chosen: list[Benchmark], n: int | None, console: Console) -> tuple[list[Result], list[str]]:
    """Run them one after the other; the results, and what could not be run."""
    found: list[Result] = []
    failed: list[str] = []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(chosen))
        for benchmark in chosen:
            name = benchmark.names[0]
            progress.update(task, description=name)

            def tell(text: str, name: str = name) -> None:
                progress.update(task, description=f"{name}: {text}")

            try:
                found += await benchmark.run(n or benchmark.n, tell)
            except Exception as error:  # noqa: BLE001 - the others are still worth measuring
                failed.append(f"{name}: {type(error).__name__}: {error}")
            progress.advance(task)
    return found, failed


def table(results: list[Result]) -> Table:
    """The lines with their ratios, as people read them."""
    made = Table(title="Each beside its floor, measured in the same run", box=box.SIMPLE_HEAD)
    made.add_column("name", no_wrap=True)
    made.add_column("unit", no_wrap=True)
    for name in NUMBERS:
        made.add_column(name, justify="right", no_wrap=True)
    for result in results:
        made.add_row(*(_cell(value) for value in result.line().values()))
    return made


def markdown(results: list[Result]) -> str:
    """The same table for a page of the documentation."""
    heads = ("name", "unit", *NUMBERS)
    rows = [[_cell(value) for value in result.line().values()] for result in results]
    made = [heads, ["---", "---", *["---:"] * len(NUMBERS)], *([f"`{row[0]}`", *row[1:]] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in made)


def _cell(value: str | float | None) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:,.2f}" if value < 10 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
        case int():
            return f"{value:,}"
        case _:
            return value


def main() -> int:
    """Measure, write, show; 1 if something could not be measured."""
    asked = arguments()
    wanted: set[str] = set(asked.only or (name for benchmark in ALL for name in benchmark.names))
    console = Console()
    console.width = max(console.width, WIDTH)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=QUIET))))
    chosen = [benchmark for benchmark in ALL if wanted & set(benchmark.names)]
    found, failed = asyncio.run(measure(chosen, asked.n, console))
    results = [result for result in found if result.name in wanted]
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps([result.line() for result in results], indent=2) + "\n")
    asked.output.with_suffix(".md").write_text(markdown(results))
    console.print(table(results))
    for result in results:
        console.print(Text.assemble((f"{result.name}: ", "bold"), result.note))
    for line in failed:
        console.print(f"not measured: {line}", style="red", markup=False)
    console.print(f"written to {asked.output}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
