"""A headless Chromium of this machine, and a person who looks at the imitated Slack through it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
PATIENCE = 60_000.0
"""Milliseconds that the page may take to show something; a promotion that moves stands behind it."""
SPILLS = """() => [document.documentElement, ...document.querySelectorAll(".messages, .dialog, .dialog .body, .bar")]
    .filter((box) => box.scrollWidth > box.clientWidth).map((box) => `${box.tagName}.${box.className}`)"""


def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None) or (str(MAC) if MAC.exists() else None)
    if found is None:
        raise FileNotFoundError("no Chromium on PATH: apt-get install chromium, or install Chrome, and try again")
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as tool:
        made = await tool.chromium.launch(executable_path=chromium())
        try:
            yield made
        finally:
            await made.close()


class Look:
    """One person's page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def root(self, bot: str) -> Locator:
        """The bot's root message: the one with the header."""
        return self.page.locator("main article", has=self.page.locator("h3", has_text=f" {bot} "))

    async def press(self, bot: str, verb: str) -> None:
        await self.root(bot).locator(f"[data-action={verb}]").click()

    async def give_reason(self, reason: str) -> None:
        """Fill in the window that is open, and send it."""
        await self.page.locator(".dialog textarea").fill(reason)
        await self.page.locator(".dialog [data-role=submit]").click()
        await self.page.locator(".dialog").wait_for(state="detached")

    async def privately(self, words: str) -> None:
        """Wait for a message that only this person sees."""
        await self.page.locator("[data-ephemeral=true]", has_text=words).wait_for()

    async def fits(self) -> None:
        """Nothing has to be moved sideways to be read."""
        assert await self.page.evaluate(SPILLS) == []
