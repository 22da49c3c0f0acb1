"""What the matrix finds: one cell for each fault and stage, as JSON and as a page."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

STAGES = ("replay", "shadow", "paper", "canary", "live", "coming down")
"""The columns: where a promotion stands when the fault strikes."""
HEADER = ("fault", "stage", "outcome", "safe", "seconds to safe", "doubled", "lost")
FROM_CODE = "<!-- Made by `make faults`; do not edit. -->"
ABOUT = """\
One promotion stands in each column when the fault strikes: parked where an approval is waited for, or, where the
row says so, in the middle of the named effect. Everything is a real process: Temporal's development server,
Prometheus, the simulated platform and venue, workers. Each row, or group of rows, has a stack of its own.
Afterwards every promotion is brought to its end (those from replay, paper and live to the top by approvals, the
others rolled back) and what the venue and the record say is counted.

* **Safe** is a promotion whose bot has nothing at risk (candidate and baseline are gone or verified flat at bot
  and venue, stable has the whole capital), or is exposed exactly as its running promotion grants it (mode, capital
  of each variant) under a lease renewed within the last 3 s. A promotion that was cut off (terminated) grants
  nothing: safe is then flat, or, live, what the lease falls back to: no entries, nothing held. More exposure than
  granted at any moment, or moving up on evidence that lies, is not safe, however it ends.
* **Seconds to safe** run from the injection until that is true again and stays true; 0 if it never stopped being
  true. The fault's own duration is in it. A platform that does not answer counts as not safe. Looked at four times
  a second.
* **Doubled** counts effects at the venue beyond one per key, a stage prepared or exposed twice in one attempt, a
  second acquisition and a second exit in one try.
* **The worker's clock** is the one that its Python sees; its monotonic clock and every other process keep theirs.
* **Lost** counts effects that should be there and are not (a stage entered without its effects, a climb settled,
  restored or held out without one), verbs sent that neither took effect nor were refused with a reason, and events
  missing from the audit chain."""


class Cell(NamedTuple):
    """One fault at one stage. ``seconds_to_safe`` is None when it did not become safe while it was looked at."""

    fault: str
    stage: str
    outcome: str
    safe: bool
    seconds_to_safe: float | None
    doubled: int
    lost: int

    @property
    def holds(self) -> bool:
        """Whether the bar is met: safe, nothing doubled, nothing lost."""
        return self.safe and self.doubled == 0 and self.lost == 0


def as_json(cells: Sequence[Cell]) -> str:
    return json.dumps([cell._asdict() for cell in cells], indent=1) + "\n"


def from_json(text: str) -> list[Cell]:
    return [Cell(**each) for each in json.loads(text)]


def page(cells: Sequence[Cell], machine: str, not_run: Sequence[str], at: datetime | None = None) -> str:
    """The whole of docs/faults.md."""
    bad = [cell for cell in cells if not cell.holds]
    rows = len({cell.fault for cell in cells})
    day = (at or datetime.now(UTC)).date()
    result = f"{len(cells)} cells of {rows} faults on {day} ({machine}): " + (
        "every cell ended safe, nothing doubled, nothing lost."
        if not bad
        else f"{len(bad)} do not meet the bar (safe, nothing doubled, nothing lost); they are in **bold**."
    )
    parts = ["# Faults", FROM_CODE, "```sh\nmake faults\n```", ABOUT, "## The run", result]
    if not_run:
        parts.append("Not run: " + "; ".join(not_run) + ".")
    return "\n\n".join([*parts, table(cells)]) + "\n"


def table(cells: Sequence[Cell]) -> str:
    lines = [f"| {' | '.join(HEADER)} |", "|" + "---|" * len(HEADER)]
    lines += [_line(cell) for cell in cells]
    return "\n".join(lines)


def _line(cell: Cell) -> str:
    seconds = "never" if cell.seconds_to_safe is None else f"{cell.seconds_to_safe:.1f}"
    outcome = cell.outcome.replace("|", "/").replace("\n", " ")
    words = [cell.fault, cell.stage, outcome, "yes" if cell.safe else "no", seconds, str(cell.doubled), str(cell.lost)]
    if not cell.holds:
        words = [f"**{word}**" for word in words]
    return f"| {' | '.join(words)} |"
