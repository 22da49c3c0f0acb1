"""``ladder holdout``: releases that were refused. It goes straight to the platform, with or without Temporal."""

from typing import Annotated

import typer
from rich.table import Table

from promotion_ladder.cli.common import Bot, Format, NeededReason, Output, client, out, run, screen, tell
from promotion_ladder.cli.common import write_json as write
from promotion_ladder.core.people import Verb

app = typer.Typer()
holdout = typer.Typer(
    help="Releases that were refused and may not climb until a person lifts it.", no_args_is_help=True
)
app.add_typer(holdout, name="holdout", rich_help_panel="Desk")


@holdout.command("list")
def holdout_list(
    bot: Annotated[str | None, typer.Argument(help="The bot; all bots without it.", show_default=False)] = None,
    output: Output = Format.TEXT,
) -> None:
    """List releases that are held out.

    Example: ladder holdout list
    """

    async def work() -> None:
        platform = client().platform
        names = [bot] if bot is not None else await platform.bots()
        found = [(name, held) for name in names for held in (await platform.describe(name)).held_out]
        if output is Format.JSON:
            write([{"bot": name} | held.model_dump(mode="json") for name, held in found])
            return
        if not found:
            out.print("No release is held out.")
            return
        table = Table(box=None, pad_edge=False)
        for column in ("bot", "release", "since", "by", "reason"):
            table.add_column(column, header_style="dim")
        for name, held in found:
            table.add_row(name, held.version, f"{held.at:%Y-%m-%d %H:%M}", held.by, held.reason)
        screen.print(table)

    run(output, work())


@holdout.command("lift")
def holdout_lift(
    bot: Bot,
    version: Annotated[str, typer.Argument(help="The held-out release.", show_default=False)],
    reason: NeededReason,
    output: Output = Format.TEXT,
) -> None:
    """Let a held-out release climb again.

    Example: ladder holdout lift wti-carry 2.4.0 --reason "limit was too tight for this market"
    """

    async def work() -> None:
        ladder = client()
        who = ladder.entitled(Verb.LIFT)
        facts = await ladder.lift(bot, version, reason)
        sentence = f"{version} of {bot} may climb again"
        await ladder.record.note("holdout_lifted", who, sentence, bot=bot, version=version, reason=reason)
        tell(output, sentence, facts)

    run(output, work())
