"""``ladder check`` and ``ladder preflight``: find what is wrong before anything runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from promotion_ladder import settings
from promotion_ladder.adapters.files import (
    ConfigDirectory,
    Problem,
    Query,
    Severity,
    check_files,
    load_release,
    named_by,
    queries_in,
)
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.adapters.probes import LocalProbes
from promotion_ladder.cli.common import FAILED, Format, Output, err, out, run, write_json
from promotion_ladder.core.admission import choose_ladder, require_capabilities
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.gates.check import show
from promotion_ladder.core.people import Verb, rule
from promotion_ladder.core.query import expand
from promotion_ladder.core.state import StartOrder
from promotion_ladder.ports import MetricSource

app = typer.Typer()

MARKS = {"error": ("✖ ", "red"), "warning": ("! ", "yellow"), "info": ("· ", "dim")}
TRIED_OVER, TRIED_EVERY = timedelta(minutes=5), timedelta(seconds=15)


@app.command(rich_help_panel="Files")
def check(
    files: Annotated[list[Path], typer.Argument(help="Ladders, policy, people, releases, or folders of them.")],
    prometheus: Annotated[
        str, typer.Option(help="Ask the Prometheus at this URL each query of a ladder, for stable of --bot.")
    ] = "",
    bot: Annotated[str, typer.Option(help="The bot whose stable the queries are tried with.")] = "",
    output: Output = Format.TEXT,
) -> None:
    """Check ladder, policy, people and release files: file, line, column, field, and what would be right.

    A warning is told and is no failure. With --prometheus each query is asked as well, and its answer told: several
    series, NaN, or what Prometheus refuses is an error, no data a warning.

    Examples:
      ladder check config

      ladder check config/ladders/standard.yaml -o json

      ladder check config --prometheus http://127.0.0.1:9090 --bot wti-trend
    """
    if bool(prometheus) != bool(bot):
        raise typer.BadParameter("--prometheus and --bot go together: each query is tried for stable of one bot")
    problems = check_files(files)
    if prometheus:
        problems += run(output, _answers(prometheus, bot, files))
    if output is Format.JSON:
        write_json([
            {"file": str(p.file), "line": p.line, "column": p.column, "field": p.field, "message": p.message,
             "hint": p.hint, "severity": p.severity}
            for p in problems
        ])  # fmt: skip
    else:
        for problem in problems:
            (out if problem.severity == "info" else err).print(Text.assemble(MARKS[problem.severity], str(problem)))
        if not any(problem.severity == "error" for problem in problems):
            out.print(Text.assemble(("✔ ", "green"), f"nothing wrong in {', '.join(map(str, files))}"))
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(FAILED)


async def _answers(url: str, bot: str, files: list[Path]) -> list[Problem]:
    """What a Prometheus answers now to each query of the ladders among ``files``, for stable of ``bot``."""
    from promotion_ladder.adapters.prometheus import PrometheusSource  # noqa: PLC0415 - 0.1 s that other commands need not pay

    source = PrometheusSource(url)
    try:
        return [await _answer(source, bot, query) for query in queries_in(named_by(files))]
    finally:
        await source.close()


async def _answer(source: MetricSource, bot: str, query: Query) -> Problem:
    now = datetime.now(UTC)
    asked = expand(query.asked.query, query.ladder.metrics, {"bot": bot, "variant": "stable"}, TRIED_OVER)
    answer = await source.measure(asked, now - TRIED_OVER, now, TRIED_EVERY)
    if answer.problem is None:
        return query.problem(f"stable of {bot} has {show(answer.value)} now, {answer.samples} samples", "", "info")
    severity: Severity = "warning" if answer.problem in (Code.NO_DATA, Code.STALE_DATA) else "error"
    return query.problem(f"asked for stable of {bot}: {answer.detail}", answer.problem.next_step, severity)


@app.command(rich_help_panel="Files")
def preflight(
    release: Annotated[Path, typer.Argument(help="RELEASE.yaml.", show_default=False)],
    output: Output = Format.TEXT,
) -> None:
    """Check in CI whether a release could start: files, policy, platform, hold-outs and the ladder's own probes.

    Exit status 0 when it could, 1 when not; every check is reported.

    Example: ladder preflight release.yaml
    """
    results = run(output, _checks(release))
    if output is Format.JSON:
        write_json(results)
    else:
        for result in results:
            mark = ("✔ ", "green") if result["ok"] else ("✖ ", "red")
            out.print(Text.assemble(mark, f"{result['check']}: {result['detail']}"))
    if not all(result["ok"] for result in results):
        raise typer.Exit(FAILED)


async def _checks(file: Path) -> list[dict[str, Any]]:
    found = settings.load()
    results: list[dict[str, Any]] = []

    def say(check_name: str, detail: str, *, ok: bool = True) -> None:
        results.append({"check": check_name, "ok": ok, "detail": detail})

    release = load_release(file)
    say("release", f"{release.bot} {release.version}, {release.change}")
    directory = ConfigDirectory(found.config_dir)
    today = datetime.now(UTC).date()
    ruling = rule(directory.people(), directory.policy(), found.identity, Verb.START, day=today)
    say("right to start", ruling.sentence, ok=ruling.allowed)
    if found.platform_url is None:
        raise LadderError(Code.PLATFORM_DOWN, "no platform is configured", "set LADDER_PLATFORM_URL")
    platform = HttpPlatform(found.platform_url)
    facts = await platform.describe(release.bot)
    say("bot", f"stable is {facts.stable}")
    known = await platform.knows(release.bot, release.digest)
    say("published", f"the platform knows {'' if known else 'no '}{release.version} of these digests", ok=known)
    held = next((h for h in facts.held_out if h.digest == release.digest), None)
    say("not held out", held.against(release.version) if held else "it is free to climb", ok=held is None)
    say("not latched", facts.latches[0].reason if facts.latches else "no latch", ok=not facts.latches)
    order = StartOrder(promotion_id="preflight", release=release, identity=found.identity)
    try:
        ladder = directory.ladder(choose_ladder(directory.policy(), order, facts.stable))
    except LadderError as error:
        say("ladder", error.detail, ok=False)
        return results
    say("ladder", f"{ladder.ladder} ({ladder.hash[:12]}), {len(ladder.stages)} stages")
    try:
        require_capabilities(ladder, release.bot, facts.capabilities)
        say("platform", "it names what the ladder's stages with money rest on")
    except LadderError as error:
        say("platform", error.detail, ok=False)
    for probe in ladder.preflight:
        result = await LocalProbes().run(probe, datetime.now(UTC))
        say(f"probe {probe.name}", result.problem or "fine", ok=result.passed)
    await platform.close()
    return results
