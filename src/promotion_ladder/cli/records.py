"""``ladder audit``, ``ladder state`` and ``ladder explain``: what was, and how to go on from it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from promotion_ladder import settings
from promotion_ladder.cli.common import (
    FAILED,
    Bot,
    Format,
    Output,
    Reason,
    client,
    err,
    fail,
    out,
    run,
    screen,
    tell,
    write_json,
)
from promotion_ladder.core.canonical import digest
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.events import DESK, ChainedEvent, verify
from promotion_ladder.core.state import PromotionState

if TYPE_CHECKING:
    from promotion_ladder.adapters.audit_sql import SqlAudit

app = typer.Typer()
audit = typer.Typer(help="The append-only record; needs no server.", no_args_is_help=True)
state = typer.Typer(help="The whole state of a promotion, to look at or to resume from.", no_args_is_help=True)
app.add_typer(audit, name="audit", rich_help_panel="Record")
app.add_typer(state, name="state", rich_help_panel="Record")

Name = Annotated[str, typer.Argument(help="A promotion id, a bot (its newest), or 'desk'.", show_default=False)]


def _store() -> "SqlAudit":
    from promotion_ladder.adapters.audit_sql import SqlAudit  # noqa: PLC0415 - 0.2 s that other commands need not pay

    found = settings.load()
    return SqlAudit(found.audit_url, anchor_dir=found.anchor_dir)


async def _chain_of(store: "SqlAudit", name: str) -> str:
    if "/" in name or name == DESK:
        return name
    chains = await store.chains(name)
    if not chains:
        raise LadderError(Code.NO_SUCH_PROMOTION, f"the record knows no promotion of {name}")
    return chains[0]


@audit.command("show")
def audit_show(name: Name, output: Output = Format.TEXT) -> None:
    """Show what happened as a timeline.

    Examples:
      ladder audit show wti-trend

      ladder audit show desk -o json
    """

    async def work() -> None:
        store = _store()
        chain = await _chain_of(store, name)
        links = await store.chain(chain)
        if not links and chain == DESK and output is Format.TEXT:
            out.print("Nothing is recorded on the desk yet.")
            return
        if not links and chain != DESK:
            raise LadderError(Code.NO_SUCH_PROMOTION, f"the record knows no chain {chain}")
        if output is Format.JSON:
            write_json([link.model_dump(mode="json") for link in links])
        else:
            _timeline(chain, links)

    run(output, work())


def _timeline(chain: str, links: list[ChainedEvent]) -> None:
    out.print(Text(chain, style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for style in ("dim", "cyan", "", "magenta", "dim"):
        table.add_column(style=style, overflow="fold")
    began = links[0].event.at
    for link in links:
        event = link.event
        since = f"+{(event.at - began).total_seconds():.1f}s"
        table.add_row(f"{event.at:%H:%M:%S}", event.kind, event.sentence, event.actor, f"{event.stage} {since}")
    screen.print(table)
    out.print(Text(f"{len(links)} events, head {links[-1].hash[:16]}", style="dim"))


@audit.command("verify")
def audit_verify(name: Name, output: Output = Format.TEXT) -> None:
    """Check that nothing in a chain was changed, removed or cut off.

    Example: ladder audit verify wti-trend
    """

    async def work() -> list[str]:
        store = _store()
        chain = await _chain_of(store, name)
        head = await store.anchored_head(chain)
        return verify(await store.chain(chain), head, growing=True)

    wrong = run(output, work())
    if wrong:
        fail(output, LadderError(Code.AUDIT_CONFLICT, "; ".join(wrong)))
    tell(output, f"the chain of {name} is whole", {"whole": True})


@state.command("export")
def state_export(bot: Bot) -> None:
    """Print the whole state of a promotion as JSON, with its hash.

    Example: ladder state export wti-trend > wti-trend.json
    """
    found = run(Format.JSON, client().state(bot))
    plain = found.model_dump(mode="json")
    write_json({"sha256": digest(plain), "state": plain})


@state.command("import")
def state_import(
    file: Annotated[Path, typer.Argument(help="What 'ladder state export' printed.", show_default=False)],
    reason: Reason = "",
    output: Output = Format.TEXT,
) -> None:
    """Resume the climb that a state file describes, at its stage, with the evidence it had earned.

    The file is a wish: the record decides which of its stages count, and whose approval is needed.

    Example: ladder state import wti-trend.json --reason "moved to another cluster"
    """

    async def work() -> None:
        found = _read_state(file)
        started = await client().start(
            found.release,
            reason=reason,
            ladder_hash=found.ladder_hash or None,
            from_stage=found.stage_name if found.stage_index else None,
            basis=found.promotion_id if found.stage_index else None,
        )
        tell(output, f"{started.promotion_id}: {started.sentence} at {found.stage_name or 'the first stage'}", started)

    run(output, work())


def _read_state(file: Path) -> PromotionState:
    def bad(why: str) -> LadderError:
        return LadderError(Code.UNREADABLE_MESSAGE, f"{file}: {why}", "export the state again")

    try:
        found: dict[str, Any] = json.loads(file.read_text())
        plain = found["state"]
        if digest(plain) != found["sha256"]:
            raise bad("the state does not match its hash: the file was changed")
        return PromotionState.model_validate(plain)
    except OSError as error:
        raise bad(f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, ValidationError):
        raise bad("is not an exported state") from None


@app.command(rich_help_panel="Record")
def explain(
    code: Annotated[str | None, typer.Argument(help="A reason code; all without it.", show_default=False)] = None,
    output: Output = Format.TEXT,
) -> None:
    """Say what a reason code means and what to do next.

    Example: ladder explain RISK_NOT_FLAT
    """
    found = [each for each in Code if code is None or each.value == code.upper()]
    if not found:
        close = [each.value for each in Code if code is not None and code.upper() in each.value]
        err.print(f"✖ no code is named {code}" + (f"; did you mean {', '.join(close)}?" if close else ""))
        raise typer.Exit(FAILED)
    if output is Format.JSON:
        write_json([{"code": c.value, "sentence": c.sentence, "next_step": c.next_step} for c in found])
        return
    for each in found:
        out.print(Text.assemble((each.value, "bold"), f"  {each.sentence}\n  ", ("→ ", "cyan"), each.next_step))
