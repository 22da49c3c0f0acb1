"""The demo's screen: three live trees, or plain lines where nobody watches a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from promotion_ladder.core.state import Ending
from promotion_ladder.demo.cast import Story
from promotion_ladder.tree import promotion_tree, status_word

SIDE_BY_SIDE = 150
"""Columns from which the three stories stand side by side."""
STYLES = {Ending.STABLE: "green", Ending.ROLLED_BACK: "red", Ending.VETOED: "yellow"}


class Screen:
    """Shows the stories while they happen."""

    def __init__(self, cast: Sequence[Story], *, quiet: bool = False) -> None:
        self.cast = cast
        self.console = Console(highlight=False, quiet=quiet)
        self.news = ""
        self.seen: dict[str, str] = {}
        self.live = (
            Live(console=self.console, refresh_per_second=8, get_renderable=self._render, vertical_overflow="crop")
            if self.console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.live is not None:
            self.live.stop()

    def say(self, news: str) -> None:
        """One line of news below the stories."""
        self.news = news
        if self.live is None:
            self.console.print(f"… {news}")

    def refresh(self) -> None:
        """Show what is new; on a terminal the screen refreshes itself."""
        if self.live is not None:
            return
        for story in self.cast:
            if story.state is not None:
                line = f"{story.name}: {story.state.stage_name} {status_word(story.state)}"
                if self.seen.get(story.name) != line:
                    self.seen[story.name] = line
                    self.console.print(line)

    def _render(self) -> RenderableType:
        wide = self.console.width >= SIDE_BY_SIDE
        panels = [self._panel(story, compact=not wide) for story in self.cast]
        if wide:
            row = Table.grid(expand=True)
            for _ in panels:
                row.add_column(ratio=1)
            row.add_row(*panels)
            return Group(row, Text(f"… {self.news}", style="dim"))
        return Group(*panels, Text(f"… {self.news}", style="dim", no_wrap=True, overflow="ellipsis"))

    def _panel(self, story: Story, *, compact: bool) -> RenderableType:
        title = Text.assemble((story.name, "bold"), (f", {story.told}", "dim"))
        body: RenderableType = Text("…", style="dim")
        style = "dim"
        if story.state is not None:
            body = promotion_tree(story.state, datetime.now(UTC), compact=compact)
            style = STYLES.get(story.state.ending, "dim") if story.state.ending else "cyan"
        return Panel(body, title=title, title_align="left", border_style=style, padding=(0, 1))

    def conclude(self, summary: list[dict[str, Any]], where: Path) -> None:
        """How the stories ended."""
        table = Table(box=None, pad_edge=False)
        for column in ("story", "ended", "as told", "stages", "seconds", "flat after"):
            table.add_column(column, header_style="dim")
        for line in summary:
            flat = "" if line["flat_seconds"] is None else f"{line['flat_seconds']:.2f}s"
            told = Text("✔", style="green") if line["as_told"] else Text("✖ " + "; ".join(line["wrong"]), style="red")
            table.add_row(
                line["name"], line["outcome"].replace("_", " "), told, " ".join(line["stages"]),
                f"{line['seconds']:.0f}", flat,
            )  # fmt: skip
        self.console.print(table)
        self.console.print(Text(f"written to {where}", style="dim"))
