"""``ladder kill`` and ``ladder drill``: against exposure, in any state, with or without Temporal."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from promotion_ladder.cli.common import (
    FAILED,
    NOT_FLAT,
    Format,
    Output,
    Reason,
    client,
    confirmed,
    err,
    fail,
    run,
    tell,
)
from promotion_ladder.client import LadderClient
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.platform import Scope
from promotion_ladder.core.scope import KillMode, aimed, shown

app = typer.Typer()

OneBot = Annotated[str | None, typer.Argument(help="The bot: short for --scope bot --target BOT.", show_default=False)]
AScope = Annotated[Scope, typer.Option("--scope", help="What it covers: every bot in this market, strategy, venue.")]
ATarget = Annotated[str, typer.Option("--target", help="The market, bot, strategy or venue; none for global.")]


def _aim(bot: str | None, scope: Scope, target: str) -> tuple[Scope, str]:
    """Scope and target of a command; ends it with status 2 when they contradict each other or name nothing."""
    if bot is not None and (scope is not Scope.BOT or target not in ("", bot)):
        raise typer.BadParameter(f"name the bot {bot}, or --scope and --target, not both", param_hint="--scope")
    try:
        return aimed(scope, bot or target)
    except LadderError as error:
        raise typer.BadParameter(f"{error.detail}; {error.next_step}", param_hint="--target") from None


def _why(reason: str, output: Format) -> str:
    """The reason, asked for where somebody can answer; a kill without one is refused with nothing done."""
    if not reason.strip() and output is Format.TEXT and sys.stdin.isatty():
        reason = str(typer.prompt("Why?"))
    if not reason.strip():
        fail(output, LadderError(Code.REASON_NEEDED, "a kill needs a reason in words; nothing was done"))
    return reason


def _say(sentence: str) -> None:
    """What goes on, beside the answer: it must not spoil JSON."""
    err.print(Text.assemble(("… ", "yellow"), sentence))


@app.command(rich_help_panel="Desk")
def kill(
    bot: OneBot = None,
    reason: Reason = "",
    scope: AScope = Scope.BOT,
    target: ATarget = "",
    mode: Annotated[
        KillMode, typer.Option("--mode", help="flatten exits candidate and baseline; pause only takes nothing new.")
    ] = KillMode.FLATTEN,
    release: Annotated[bool, typer.Option("--release", help="Lift the latch of an earlier kill.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Latch at the platform at once, then get flat: by the promotion, or straight at the platform.

    The latch comes first, without Temporal, and stands until somebody with the right lifts it with --release. A
    platform that does not answer is tried again without end. Exit status 0 means: every covered bot was read back as
    latched and, unless --mode pause, as flat at bot and venue.

    Examples:
      ladder kill wti-trend --reason "fills look wrong" --yes

      ladder kill --scope venue --target sim-exchange --mode pause --reason "venue is slow" --yes

      ladder kill --scope global --reason "everything looks wrong" --yes

      ladder kill wti-trend --release --reason "cause found and mended"
    """
    scope, target = _aim(bot, scope, target)
    reason = _why(reason, output)
    what = f"Lift the latch of {shown(scope, target)}" if release else f"Kill {shown(scope, target)} ({mode})"
    confirmed(f"{what}?", yes=yes or output is Format.JSON)
    ladder = client()
    run(output, _release(ladder, scope, target, reason, output) if release
        else _kill(ladder, scope, target, mode, reason, output))  # fmt: skip


async def _kill(ladder: LadderClient, scope: Scope, target: str, mode: KillMode, reason: str, output: Format) -> None:
    done = await ladder.kill(scope, target, mode=mode, reason=reason, tell=_say)
    tell(output, done.sentence, done)
    if not done.done:
        raise typer.Exit(NOT_FLAT)


async def _release(ladder: LadderClient, scope: Scope, target: str, reason: str, output: Format) -> None:
    released = await ladder.release_kill(scope, target, reason=reason)
    tell(output, released.sentence, released)
    if released.still:
        raise typer.Exit(FAILED)


@app.command(rich_help_panel="Desk")
def drill(
    bot: OneBot = None,
    reason: Reason = "",
    scope: AScope = Scope.BOT,
    target: ATarget = "",
    output: Output = Format.TEXT,
) -> None:
    """Rehearse a kill where no real money is: latch, cancel, exit, verify flat, lift the latch. Times are recorded.

    On a simulated platform, or for a bot whose candidate is in shadow or paper; refused anywhere else, and while a
    latch stands. Needs the right to lift. Exit status 4 means that it did not get flat; the latch is lifted all the
    same.

    Examples:
      ladder drill wti-trend

      ladder drill --scope venue --target sim-exchange --reason "monthly drill" -o json
    """
    scope, target = _aim(bot, scope, target)

    async def work() -> None:
        done = await client().drill(scope, target, reason=reason)
        if output is Format.TEXT and len(done.bots) > 1:
            for each in done.bots:
                _say(each.sentence)
        tell(output, done.sentence, done)
        if not done.done:
            raise typer.Exit(NOT_FLAT)

    run(output, work())
