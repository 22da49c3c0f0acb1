"""``ladder incidents`` and ``ladder reconcile``: what needs a person, with no worker needed."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from promotion_ladder.cli.common import (
    FAILED,
    NOT_FLAT,
    Format,
    NeededReason,
    Output,
    client,
    err,
    out,
    run,
    screen,
    tell,
    write_json,
)
from promotion_ladder.client import Reconciled
from promotion_ladder.core.incidents import Incident, Severity, Status

app = typer.Typer()


class _ListsByDefault(TyperGroup):
    """``ladder incidents`` and ``ladder incidents wti-trend`` list: at night nobody looks for a verb first."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "-h", "--help"}:
            args = ["list", *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


incidents = typer.Typer(
    cls=_ListsByDefault,
    help="What needs a person, in one queue; a critical one lets nothing move up until it is resolved.",
)
app.add_typer(incidents, name="incidents", rich_help_panel="Desk")

IncidentId = Annotated[str, typer.Argument(help="The incident's id, as listed.", show_default=False)]


@incidents.command("list")
def incidents_list(
    bot: Annotated[str | None, typer.Argument(help="The bot; all of them without it.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are resolved.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """List what needs a person: what is wrong, since when, and who must do what. The word 'list' may be left out.

    Examples:
      ladder incidents list

      ladder incidents list wti-trend --all
    """

    async def work() -> tuple[Incident, ...]:
        return await client().incidents(bot, resolved=everything)

    found = run(output, work())
    if output is Format.JSON:
        write_json([{"incident_id": each.incident_id} | each.model_dump(mode="json") for each in found])
    elif not found:
        out.print("Nothing needs a person." if bot is None else f"Nothing of {bot} needs a person.")
    else:
        _queue(found)


def _queue(found: tuple[Incident, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("id", "status", "severity", "what", "since", "seen"):
        table.add_column(column, header_style="dim", overflow="fold")
    for each in found:
        style = "dim" if each.status is Status.RESOLVED else "red" if each.severity is Severity.CRITICAL else "yellow"
        table.add_row(
            each.incident_id, each.status, Text(each.severity, style), f"{each.scope} {each.target}",
            f"{each.opened_at:%Y-%m-%d %H:%M:%S}", f"{each.count}x, {each.last_seen:%H:%M:%S}",
        )  # fmt: skip
    screen.print(table)
    for each in found:
        out.print(Text.assemble(("\n" + each.incident_id, "bold"), f"  {each.sentence}  ", (f"[{each.code}]", "dim")))
        if each.by:
            out.print(Text(f"  {each.status} by {each.by}: {each.reason}", "dim"))
        if each.status is not Status.RESOLVED:
            out.print(Text.assemble(("  → ", "cyan"), each.action))


@incidents.command("ack")
def incidents_ack(incident_id: IncidentId, reason: NeededReason, output: Output = Format.TEXT) -> None:
    """Say that you look after an incident. It stays in the way of moving up.

    Example: ladder incidents ack 3fa85f64 --reason "calling the venue"
    """
    done = run(output, client().acknowledge(incident_id, reason))
    tell(output, f"{done.by} looks after {incident_id}: {done.sentence}", done)


@incidents.command("resolve")
def incidents_resolve(incident_id: IncidentId, reason: NeededReason, output: Output = Format.TEXT) -> None:
    """End an incident: what it was in the way of may move up again. It opens anew should the same come again.

    Example: ladder incidents resolve 3fa85f64 --reason "closed at the venue by hand, account is square"
    """
    done = run(output, client().resolve(incident_id, reason))
    tell(output, f"{incident_id} is resolved by {done.by}", done)


@incidents.command("test-alert")
def incidents_test_alert(output: Output = Format.TEXT) -> None:
    """Send a trial alert to every channel to on-call, and end it. Nothing of it is recorded; needs no worker.

    Exit status 0: every channel took it; 1: one did not, or none is configured.

    Example: ladder incidents test-alert
    """
    told = run(output, client().test_alert())
    if output is Format.JSON:
        write_json(told)
    else:
        for channel, problem in told.items():
            mark = ("✖ ", "red") if problem else ("✔ ", "green")
            out.print(Text.assemble(mark, f"{channel}: {problem or 'it took the trial, opened and ended'}"))
    if any(told.values()):
        raise typer.Exit(FAILED)


@app.command(rich_help_panel="Desk")
def reconcile(
    fix: Annotated[bool, typer.Option("--fix", help="Make safe what is found, and open incidents.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Ask the platform what is exposed, and which running promotion accounts for it. Needs no worker.

    It looks twice, five seconds apart, when something is found: a change half done is none. Exit status 0: nothing
    found; 4: something is exposed that should not be, or a latch is missing, made safe or not; 1: something did not
    answer, so nothing is known about it.

    Examples:
      ladder reconcile

      ladder reconcile --fix -o json
    """
    found = run(output, client().reconcile(fix=fix))
    if output is Format.JSON:
        write_json(found)
    else:
        _show(found)
    if found.findings:
        raise typer.Exit(NOT_FLAT)
    if found.unanswered:
        raise typer.Exit(FAILED)


def _show(found: Reconciled) -> None:
    for each in found.findings:
        line: list[Any] = [("✖ ", "red"), each.finding.sentence, (f"  [{each.finding.code}]", "dim")]
        out.print(Text.assemble(*line))
        if each.mended is not None:
            out.print(Text.assemble(("  ✔ " if each.mended.safe else "  … ", "green"), each.mended.sentence))
        if each.problem:
            out.print(Text.assemble(("  ✖ ", "red"), each.problem))
        out.print(Text.assemble(("  → ", "cyan"), each.finding.action))
    for sentence in found.unanswered:
        err.print(Text.assemble(("? ", "yellow"), f"not known: {sentence}"))
    if not found.findings and not found.unanswered:
        out.print(Text.assemble(("✔ ", "green"), "everything that is exposed is accounted for"))
