"""``ladder start, status, list`` and the verbs of people."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from promotion_ladder.adapters.files import load_release
from promotion_ladder.cli.common import (
    FAILED,
    Bot,
    Format,
    NeededReason,
    Output,
    Reason,
    client,
    err,
    out,
    run,
    screen,
    tell,
    write_json,
)
from promotion_ladder.cli.dry_run import dry_run
from promotion_ladder.cli.watch import follow
from promotion_ladder.client import LadderClient, Line
from promotion_ladder.core.base import parse_duration
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.pending import pending
from promotion_ladder.core.platform import Latch
from promotion_ladder.core.release import ChangeClass, Release
from promotion_ladder.core.state import Receipt
from promotion_ladder.tree import promotion_tree

WIDE = 110
"""Columns of a terminal on which the promotion ids of a list have room too."""

app = typer.Typer()


def _release(file: Path | None, fields: dict[str, Any]) -> Release:
    given = {name: value for name, value in fields.items() if value is not None}
    if file is not None:
        release = load_release(file)
        return release.model_copy(update=given) if given else release
    try:
        return Release.model_validate(given)
    except ValidationError as error:
        missing = ", ".join(f"--{item['loc'][0]}" for item in error.errors())
        raise LadderError(
            Code.UNKNOWN_RELEASE, f"the release is not complete: {missing} missing or wrong",
            "give a RELEASE.yaml, or all of --bot --version --artifact --params --change --author",
        ) from None  # fmt: skip


@app.command(rich_help_panel="Climb")
def start(
    release: Annotated[Path | None, typer.Argument(help="RELEASE.yaml.", show_default=False)] = None,
    bot: Annotated[str | None, typer.Option(help="Instead of a file: the bot.")] = None,
    version: Annotated[str | None, typer.Option(help="The release's version.")] = None,
    artifact: Annotated[str | None, typer.Option(help="sha256:… of the code.")] = None,
    params: Annotated[str | None, typer.Option(help="sha256:… of the parameters.")] = None,
    change: Annotated[ChangeClass | None, typer.Option(help="Class of the change.")] = None,
    author: Annotated[str | None, typer.Option(help="Who made it.")] = None,
    from_stage: Annotated[str | None, typer.Option("--from", help="Resume here, with evidence carried over.")] = None,
    basis: Annotated[str | None, typer.Option(help="The promotion whose evidence is carried over.")] = None,
    supersede: Annotated[bool, typer.Option("--supersede", help="Bring down what runs first.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Walk the ladder without exposing anything.")] = False,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch until it has ended.")] = False,
    reason: Reason = "",
    output: Output = Format.TEXT,
) -> None:
    """Start a climb of one release.

    Examples:
      ladder start release.yaml

      ladder start release.yaml --dry-run

      ladder start release.yaml --from canary-10 --reason "venue outage is over"
    """
    fields = {"bot": bot, "version": version, "artifact": artifact, "params": params, "change": change,
              "author": author}  # fmt: skip

    async def work() -> None:
        candidate = _release(release, fields)
        ladder = client()
        if dry:
            await dry_run(ladder.settings, candidate, output)
            return
        started = await ladder.start(candidate, reason=reason, from_stage=from_stage, basis=basis, supersede=supersede)
        who = ""
        if from_stage is not None and not supersede:
            who = f"; it waits for {pending(await ladder.state(candidate.bot)).sentence}"
        tell(output, f"{started.promotion_id}: {started.sentence}{who}", started)
        if wait:
            await follow(ladder, candidate.bot, output)

    run(output, work())


@app.command(rich_help_panel="Climb")
def status(
    bot: Annotated[str | None, typer.Argument(help="The bot; all bots without it.", show_default=False)] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep it on the screen until it ends.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Show where a promotion stands: its rungs, gates, and who must act.

    With --watch the exit status is 0 when the release became stable and 3 when it did not.

    Examples:
      ladder status wti-trend

      ladder status wti-trend -w

      ladder status -o json
    """

    async def work() -> None:
        ladder = client()
        if bot is None:
            await _list(ladder, output)
        elif watch:
            await follow(ladder, bot, output)
        else:
            state = await ladder.state(bot)
            if output is Format.JSON:
                write_json(state)
            else:
                screen.print(promotion_tree(state, datetime.now(UTC)))
                for latch in (await ladder.latches([bot])).get(bot, ()):
                    said = f"latched ({latch.scope} {latch.target}) by {latch.by}: {latch.reason}"
                    out.print(Text(said, style="bold red"))

    run(output, work())


@app.command("list", rich_help_panel="Climb")
def list_(output: Output = Format.TEXT) -> None:
    """List the promotions that run.

    Example: ladder list -o json
    """
    run(output, _list(client(), output))


def _latched(latches: dict[str, tuple[Latch, ...]], bot: str) -> bool | None:
    """Whether something latches the bot; None where the platform did not say."""
    return bool(latches[bot]) if bot in latches else None


async def _list(ladder: LadderClient, output: Format) -> None:
    lines: list[Line] = [line async for line in ladder.list()]
    latches = await ladder.latches(line.bot for line in lines)
    if output is Format.JSON:
        write_json([line.model_dump(mode="json") | {"latched": _latched(latches, line.bot)} for line in lines])
        return
    if not lines:
        out.print("No promotion is running.")
        return
    table = Table(box=None, pad_edge=False)
    columns = ("bot", "release", "stage", "status", "exposed", "latched", "since", "promotion")
    wide = screen.width >= WIDE
    for column in columns if wide else columns[:-1]:
        table.add_column(column, header_style="dim", no_wrap=True)
    for line in sorted(lines, key=lambda line: line.bot):
        cells = (
            line.bot, line.release, line.stage, line.status.replace("_", " "), "yes" if line.exposed else "no",
            {True: "yes", False: "no", None: "?"}[_latched(latches, line.bot)],
            f"{line.started_at:%m-%d %H:%M}", line.promotion_id,
        )  # fmt: skip
        table.add_row(*cells if wide else cells[:-1])
    screen.print(table)


# --- permissions ------------------------------------------------------------------------------------------------


def _answer(output: Format, receipt: Receipt) -> None:
    tell(output, receipt.sentence, receipt)


@app.command(rich_help_panel="People")
def approve(bot: Bot, reason: Reason = "", output: Output = Format.TEXT) -> None:
    """Approve what the promotion waits for; it binds to the evidence shown now.

    Example: ladder approve wti-trend --reason "reviewed with the desk"
    """
    _answer(output, run(output, client().approve(bot, reason)))


@app.command(rich_help_panel="People")
def resume(bot: Bot, reason: Reason = "", output: Output = Format.TEXT) -> None:
    """Go on after a hold.

    Example: ladder resume wti-trend --reason "exchange is back"
    """
    _answer(output, run(output, client().resume(bot, reason)))


@app.command(rich_help_panel="People")
def retry(bot: Bot, reason: Reason = "", output: Output = Format.TEXT) -> None:
    """Begin the stage on hold again, as its next attempt.

    Example: ladder retry wti-trend
    """
    _answer(output, run(output, client().retry(bot, reason)))


@app.command(rich_help_panel="People")
def skip(bot: Bot, reason: NeededReason, output: Output = Format.TEXT) -> None:
    """Leave the stage on hold upwards without its gates; needs the right to skip.

    Example: ladder skip wti-trend --reason "no trades on a holiday"
    """
    _answer(output, run(output, client().skip(bot, reason)))


@app.command(rich_help_panel="People")
def extend(
    bot: Bot,
    by: Annotated[str, typer.Option("--by", help="How much longer, for instance 30m.", show_default=False)],
    reason: Reason = "",
    output: Output = Format.TEXT,
) -> None:
    """Give the stage more time before it holds.

    Example: ladder extend wti-trend --by 2h
    """
    length = parse_duration(by)
    if not isinstance(length, timedelta):
        raise typer.BadParameter(f"'{by}' is not a duration; write 30m, 2h or 1d", param_hint="--by")
    _answer(output, run(output, client().extend(bot, length, reason)))


@app.command(rich_help_panel="People")
def cancel(bot: Bot, reason: Reason = "", output: Output = Format.TEXT) -> None:
    """End a promotion that has exposed nothing, without promotion or rollback.

    Example: ladder cancel wti-trend
    """
    _answer(output, run(output, client().cancel(bot, reason)))


# --- prohibitions -----------------------------------------------------------------------------------------------


@app.command(rich_help_panel="People")
def veto(bot: Bot, reason: NeededReason, output: Output = Format.TEXT) -> None:
    """Stop the promotion for good: flatten what is exposed and hold the release out.

    Example: ladder veto wti-trend --reason "earnings tonight"
    """
    _answer(output, run(output, client().veto(bot, reason)))


@app.command(rich_help_panel="People")
def hold(bot: Bot, reason: Reason = "", output: Output = Format.TEXT) -> None:
    """Stand still: exposure unchanged, guards alive, until a person decides.

    Example: ladder hold wti-trend --reason "looking at the fills"
    """
    _answer(output, run(output, client().hold(bot, reason)))


@app.command(rich_help_panel="People")
def rollback(
    bot: Annotated[str | None, typer.Argument(help="The bot.", show_default=False)] = None,
    reason: NeededReason = "",
    scope: Annotated[str, typer.Option("--scope", help="bot, or global for every running promotion.")] = "bot",
    output: Output = Format.TEXT,
) -> None:
    """Come down: flatten, restore stable, hold the release out.

    With --scope global every running promotion is told; one that cannot be reached is named and leaves the rest alone.

    Examples:
      ladder rollback wti-trend --reason "slippage"

      ladder rollback --scope global --reason "exchange incident"
    """
    if (scope == "bot") != (bot is not None) or scope not in ("bot", "global"):
        raise typer.BadParameter("name a bot, or use --scope global without one", param_hint="--scope")

    if bot is not None:
        _answer(output, run(output, client().rollback(bot, reason)))
        return
    answers = run(output, client().rollback_all(reason))
    if output is Format.JSON:
        write_json({each: receipt.model_dump(mode="json") for each, receipt in answers.items()})
    elif not answers:
        tell(output, "no promotion is running, nothing to roll back")
    else:
        for each, receipt in answers.items():
            _line(each, receipt)
    if not all(receipt.accepted for receipt in answers.values()):
        raise typer.Exit(FAILED)


def _line(bot: str, receipt: Receipt) -> None:
    """One of many answers; a refusal does not hide the others."""
    if receipt.accepted:
        out.print(Text.assemble(("✔ ", "green"), f"{bot}: {receipt.sentence}"))
    else:
        err.print(Text.assemble(("✖ ", "red"), f"{bot}: {receipt.sentence}", (f"  [{receipt.code}]", "dim")))
