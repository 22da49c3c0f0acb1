"""Run the fault matrix: ``python -m tests.faults.matrix [--only ROW] [--jobs N] [--page FILE]``.

A cell that does not meet the bar is in the report as it is; the exit status is 1 then, and when a row could not be run.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from tests.faults.matrix.cells import STAGES, Cell, as_json, from_json, page
from tests.faults.matrix.rows import ROWS, Row
from tests.faults.matrix.yard import Yard

LOG = Path("build/faults.log")
QUIET = TelemetryFilter(core_level="ERROR", other_level="ERROR")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Inject every fault at every stage, on real processes.")
    parser.add_argument("--only", action="append", metavar="ROW", help="rows whose name contains this; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the rows and end")
    parser.add_argument("--jobs", type=int, default=2, help="stacks at the same time (2)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("build/faults.json"), help="the JSON file; rows not run stay in it"
    )
    parser.add_argument("--page", type=Path, help="write the page here too (docs/faults.md)")
    asked = parser.parse_args()
    if asked.jobs < 1:
        parser.error("--jobs is at least 1")
    return asked


def chosen(only: list[str] | None) -> list[Row]:
    """The groups of rows that hold at least one of those asked for."""
    return [row for row in ROWS if only is None or any(word in fault for word in only for fault in row.faults)]


async def run(row: Row, progress: Progress) -> list[Cell]:
    """One group of rows on a stack of its own."""
    task = progress.add_task(row.faults[0], total=None)
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        try:

            def say(what: str) -> None:
                progress.update(task, description=f"{row.faults[0]}: {what}")

            async with Yard(Path(folder), say) as yard:
                await row.trial(yard)
                await yard.finish()
                return await yard.cells()
        finally:
            progress.remove_task(task)


async def run_all(rows: list[Row], jobs: int, console: Console) -> tuple[list[Cell], list[str]]:
    """Run them, ``jobs`` at a time; the cells in the order of the rows, and what could not be run."""
    slots = asyncio.Semaphore(jobs)
    this = asyncio.current_task()
    if this is not None:  # asked to end from outside, every process of every stack is ended too
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    failed: list[str] = []
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        whole = progress.add_task("all rows", total=len(rows))

        async def one(row: Row) -> list[Cell]:
            async with slots:
                began = time.monotonic()
                try:
                    cells = await run(row, progress)
                except Exception as error:  # noqa: BLE001 - one row that breaks must not hide the others
                    why = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")[:300]
                    failed.append(f"{', '.join(row.faults)} ({why})")
                    note_traceback(row)
                    console.print(f"  {failed[-1]}; the traceback is in {LOG}", markup=False)
                    cells = []
                bad = [cell for cell in cells if not cell.holds]
                console.print(
                    f"{'NOT RUN' if not cells else 'ok' if not bad else 'SHORT'}  {time.monotonic() - began:5.0f} s  "
                    f"{len(cells):3} cells  {', '.join(row.faults)}", markup=False,
                )  # fmt: skip
                for cell in bad:
                    console.print(f"  {cell}", markup=False)
                progress.advance(whole)
                return cells

        found = await asyncio.gather(*(one(row) for row in rows))
    return in_order([cell for cells in found for cell in cells]), failed


def note_traceback(row: Row) -> None:
    """Keep for a developer why a row could not be run."""
    with LOG.open("a") as log:
        log.write(f"{row.faults}\n{traceback.format_exc()}\n")


def in_order(cells: list[Cell]) -> list[Cell]:
    """By row as they are listed, then by column."""
    faults = [fault for row in ROWS for fault in row.faults]
    return sorted(cells, key=lambda cell: (faults.index(cell.fault), STAGES.index(cell.stage)))


def with_the_others(cells: list[Cell], rows: list[Row], output: Path) -> list[Cell]:
    """The cells of this run, and those of rows that only an earlier run tried."""
    now = {fault for row in rows for fault in row.faults}
    listed = {fault for row in ROWS for fault in row.faults} - now
    earlier = from_json(output.read_text()) if output.is_file() else []
    return in_order([*cells, *(cell for cell in earlier if cell.fault in listed)])


def main() -> None:
    """Run, write, and say how it went."""
    asked = arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    rows = chosen(asked.only)
    if asked.list or not rows:
        console.print("\n".join(fault for row in ROWS for fault in row.faults), markup=False)
        raise SystemExit(0 if asked.list else 2)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=QUIET))))
    LOG.parent.mkdir(exist_ok=True)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    LOG.unlink(missing_ok=True)
    began = time.monotonic()
    cells, failed = asyncio.run(run_all(rows, asked.jobs, console))
    ran = (
        f"{len(cells)} cells in {time.monotonic() - began:.0f} s, {sum(not cell.holds for cell in cells)} below the bar"
    )
    bad = any(not cell.holds for cell in cells)
    known = with_the_others(cells, rows, asked.output)
    asked.output.write_text(as_json(known))
    if asked.page:
        there = {cell.fault for cell in known}
        missing = failed + [fault for row in ROWS if row not in rows for fault in row.faults if fault not in there]
        machine = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.0f}"
        asked.page.write_text(page(known, machine, missing))
    console.print(f"{ran}, not run: {len(failed)}; {asked.output}", markup=False)
    raise SystemExit(1 if bad or failed else 0)


if __name__ == "__main__":
    main()
