"""``ladder kill`` and ``ladder holdout``: what goes straight to the platform, with or without Temporal."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from promotion_ladder.adapters.audit_sql import SqlAudit
from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.cli.common import FAILED, Bot, Format, NeededReason, Output, client, confirmed, out, run, tell
from promotion_ladder.cli.common import write_json as write
from promotion_ladder.client import LadderClient
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.people import Verb, rule
from promotion_ladder.settings import Settings

app = typer.Typer()
holdout = typer.Typer(
    help="Releases that were refused and may not climb until a person lifts it.", no_args_is_help=True
)
app.add_typer(holdout, name="holdout", rich_help_panel="Desk")

DESK_PATIENCE = 3.0
"""Seconds the desk's record may take; a kill does not wait for it."""


def entitled(settings: Settings, verb: Verb) -> str:
    """The principal behind this command, if the policy lets them; raises LadderError if not."""
    directory = ConfigDirectory(settings.config_dir)
    ruling = rule(directory.people(), directory.policy(), settings.identity, verb)
    if not ruling.allowed:
        raise LadderError(ruling.code, ruling.sentence)
    return ruling.principal


async def note(settings: Settings, kind: str, actor: str, sentence: str, **data: str) -> None:
    """Write to the desk's chain; what has been done stands even if the store does not answer."""
    store = SqlAudit(settings.audit_url, anchor_dir=settings.anchor_dir)
    with contextlib.suppress(LadderError, TimeoutError):
        async with asyncio.timeout(DESK_PATIENCE):
            await store.append_to_desk(kind, actor, datetime.now(UTC), sentence, **data)


@app.command(rich_help_panel="Desk")
def kill(
    bot: Bot,
    reason: NeededReason,
    release: Annotated[bool, typer.Option("--release", help="Lift the latch of an earlier kill.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Latch a bot at its platform at once, then flatten what its promotion has exposed.

    The latch is set and read back first, without Temporal; it stands until somebody lifts it with --release.
    Exit status 0 means that the latch was read back; the answer says whether a running promotion was told.

    Examples:
      ladder kill wti-trend --reason "fills look wrong" --yes

      ladder kill wti-trend --release --reason "cause found and mended"
    """
    confirmed(f"{'Lift the latch of' if release else 'Kill'} {bot}?", yes=yes or output is Format.JSON)
    run(output, _release(client(), bot, reason, output) if release else _kill(client(), bot, reason, output))


async def _kill(ladder: LadderClient, bot: str, reason: str, output: Format) -> None:
    done = await ladder.kill(bot, reason)
    await note(ladder.settings, "killed", ladder.settings.identity, done.sentence, bot=bot, reason=reason)
    tell(output, done.sentence, done)


async def _release(ladder: LadderClient, bot: str, reason: str, output: Format) -> None:
    who = entitled(ladder.settings, Verb.LIFT)
    facts = await ladder.release_kill(bot, reason)
    sentence = f"{bot} may take exposure again" if not facts.latches else f"{bot} is still latched"
    await note(ladder.settings, "latch_lifted", who, sentence, bot=bot, reason=reason)
    tell(output, sentence, facts)
    if facts.latches:
        raise typer.Exit(FAILED)


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
        out.print(table)

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
        who = entitled(ladder.settings, Verb.LIFT)
        facts = await ladder.lift(bot, version, reason)
        sentence = f"{version} of {bot} may climb again"
        await note(ladder.settings, "holdout_lifted", who, sentence, bot=bot, version=version, reason=reason)
        tell(output, sentence, facts)

    run(output, work())
