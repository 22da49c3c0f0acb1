"""People in a browser: the imitated Slack as its own process, a gateway, a worker, and clicks on what is shown."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, expect
from tests.e2e.rig import Rig, standing
from tests.e2e.slack_desk import ANA, BEN, CHANNEL, OMAR, RITA, slack_config
from tests.extra.browser import Look, browser

from promotion_ladder.core.codes import Code
from promotion_ladder.core.release import ChangeClass
from promotion_ladder.core.state import Ending, Phase
from promotion_ladder.stack.local import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PHONE = (390, 844)
DESKTOP = (1280, 900)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """What ``ladder dev --slack-fake`` starts, with the tests' ladders."""
    base = tmp_path_factory.mktemp("page")
    made = LocalStack(base / "state", tick=0.1, config_dir=slack_config(base / "config"), slack_fake=True)
    with standing(made):
        yield made


@pytest.fixture
async def rig(stack: LocalStack) -> AsyncIterator[Rig]:
    made = Rig(stack)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def window() -> AsyncIterator[Browser]:
    async with browser() as made:
        yield made


@asynccontextmanager
async def looking(window: Browser, rig: Rig, user: str, size: tuple[int, int] = DESKTOP) -> AsyncIterator[Look]:
    """This person's page, on which nothing may go wrong unseen."""
    page = await window.new_page(viewport={"width": size[0], "height": size[1]})
    look = Look(page)
    await page.goto(f"{rig.stack.slack_url}/?as={user}&channel={CHANNEL}")
    yield look
    await page.close()
    assert look.complaints == []


async def asks(rig: Rig, bot: str) -> None:
    """A new bot whose canary waits for approval."""
    await rig.ana.start(await rig.bot(bot, change=ChangeClass.ADAPTER))
    await rig.reaches(bot, Phase.AWAITING_APPROVAL)


async def test_an_approval_with_its_reason_and_the_story_below_it(rig: Rig, window: Browser) -> None:
    await asks(rig, "climber")
    async with looking(window, rig, RITA) as rita:
        picture = rita.root("climber").locator("figure img")
        await expect(picture).to_have_js_property("complete", value=True)
        assert await picture.evaluate("image => image.naturalWidth") > 0
        await rita.press("climber", "approve")
        await rita.page.locator(".dialog textarea").fill("ok")
        await rita.page.locator(".dialog [data-role=submit]").click()
        await rita.page.locator(".dialog [role=alert]").wait_for()  # too short: it is asked for again
        await rita.give_reason("checked the fills")
        await rig.reaches_stage("climber", "live")
        await rita.root("climber").locator("[data-action=approve]").wait_for(state="detached")
        await rita.root("climber").locator("[data-thread]").click()
        await rita.page.locator("#thread article", has_text="rita approved 2.0.0").wait_for()


async def test_a_veto_ends_it_and_its_buttons_go(rig: Rig, window: Browser) -> None:
    await asks(rig, "vetoed")
    async with looking(window, rig, BEN) as ben:
        await ben.press("vetoed", "veto")
        await ben.give_reason("wrong parameters")
        assert (await rig.rita.result("vetoed")).ending is Ending.VETOED
        await expect(ben.root("vetoed").locator("h3")).to_contain_text("was vetoed")
        await expect(ben.root("vetoed").locator("[data-action]")).to_have_count(0)


async def test_a_kill_asks_twice_and_says_when_it_is_flat(rig: Rig, window: Browser) -> None:
    await asks(rig, "killed")
    async with looking(window, rig, OMAR) as omar:
        await omar.press("killed", "kill")
        await omar.page.locator("[data-role=deny]").click()
        await expect(omar.page.locator(".dialog")).to_have_count(0)
        await omar.press("killed", "kill")
        await omar.page.locator("[data-role=confirm] [data-role=confirm]").click()
        await expect(omar.page.locator(".dialog input[value=flatten]")).to_be_checked()
        await omar.give_reason("positions are bleeding")
        await omar.privately("killed: ")
        (latch,) = (await rig.platform.describe("killed")).latches
        assert latch.by == "omar"
        assert (await rig.rita.result("killed")).code is Code.KILLED


async def test_a_refusal_is_seen_by_nobody_else_and_home_shows_what_waits_for_whom(rig: Rig, window: Browser) -> None:
    await asks(rig, "careful")
    async with looking(window, rig, ANA) as ana, looking(window, rig, RITA) as rita:
        await ana.press("careful", "approve")
        await ana.give_reason("mine is fine")
        await ana.privately(Code.FOUR_EYES)
        await expect(rita.root("careful").locator("[data-action=approve]")).to_be_visible()
        await expect(rita.page.locator("[data-ephemeral=true]", has_text=Code.FOUR_EYES)).to_have_count(0)
        for look, words in ((ana, "Nothing waits for you"), (rita, "Waits for you")):
            await look.page.locator("[data-home]").click()
            await expect(look.page.locator("[data-role=home] h3")).to_have_text(words)
        await expect(rita.page.locator("[data-role=home]")).to_contain_text("careful 2.0.0")
        await rita.page.locator("[data-role=home] a", has_text="Open the message").click()
    assert (await rig.state("careful")).approvals == []
    await rig.ana.rollback("careful", "done")


async def test_on_a_phone_nothing_has_to_be_moved_sideways(rig: Rig, window: Browser) -> None:
    bot = "a-rather-long-name-for-a-bot-that-trades-oil-in-rotterdam"
    await asks(rig, bot)
    async with looking(window, rig, RITA, PHONE) as rita:
        await rita.root(bot).locator("figure img").wait_for()
        await rita.fits()
        await rita.press(bot, "kill")
        await rita.page.locator("[data-role=confirm] [data-role=confirm]").wait_for()
        await rita.fits()
        await rita.page.locator("[data-role=confirm] [data-role=confirm]").click()
        await rita.page.locator(".dialog textarea").wait_for()
        await rita.fits()
        await rita.page.locator(".dialog [data-role=close]").click()
        await rita.root(bot).locator("[data-thread]").click()
        await rita.page.locator("#thread article").first.wait_for()
        await rita.fits()
        await rita.page.get_by_label("Close thread").click()
        await rita.page.get_by_label(re.compile("Channels and people")).click()
        await rita.fits()
        await rita.page.locator("[data-home]").click()
        await expect(rita.page.locator("[data-role=home]")).to_contain_text(bot)
        await rita.fits()
    await rig.ana.rollback(bot, "done")
