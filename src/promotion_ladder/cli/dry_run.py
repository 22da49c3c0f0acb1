"""``ladder start --dry-run``: walk the ladder against platform and Prometheus, exposing nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text
from rich.tree import Tree

from promotion_ladder.adapters.files import ConfigDirectory
from promotion_ladder.adapters.platform_http import HttpPlatform
from promotion_ladder.cli.common import Format, screen, write_json
from promotion_ladder.core.admission import choose_ladder, require_capabilities
from promotion_ladder.core.base import show_duration
from promotion_ladder.core.capital import split
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.evidence import Evidence, HistogramEvidence, NumberEvidence, NumbersEvidence, PairEvidence
from promotion_ladder.core.ladder import ApprovalExit, Ladder, Stage, VetoExit
from promotion_ladder.core.people import People
from promotion_ladder.core.platform import BotFacts
from promotion_ladder.core.release import Release
from promotion_ladder.core.state import StartOrder
from promotion_ladder.ports import MetricSource
from promotion_ladder.querying import FROM_METRICS, Questions
from promotion_ladder.settings import Settings


async def dry_run(settings: Settings, release: Release, output: Format) -> None:
    """Say what each stage would ask, and try every query with stable's own labels."""
    if settings.platform_url is None or settings.prometheus_url is None:
        raise LadderError(Code.PLATFORM_DOWN, "no platform or no Prometheus is configured", "run 'ladder dev'")
    from promotion_ladder.adapters.prometheus import PrometheusSource  # noqa: PLC0415 - 0.1 s that other commands need not pay

    platform, metrics = HttpPlatform(settings.platform_url), PrometheusSource(settings.prometheus_url)
    directory = ConfigDirectory(settings.config_dir)
    facts = await platform.describe(release.bot)
    order = StartOrder(promotion_id="dry-run", release=release, identity=settings.identity)
    ladder = directory.ladder(choose_ladder(directory.policy(), order, facts.stable))
    warnings = await _objections(platform, release, facts, ladder)
    stages = [await _stage(stage, ladder, facts, directory.people(), metrics) for stage in ladder.stages]
    if output is Format.JSON:
        write_json({"ladder": ladder.ladder, "ladder_hash": ladder.hash, "objections": warnings, "stages": stages})
    else:
        _show(release, facts, ladder, warnings, stages)
    await platform.close()


async def _objections(platform: HttpPlatform, release: Release, facts: BotFacts, ladder: Ladder) -> list[str]:
    found = [f"latched: {latch.reason}" for latch in facts.latches]
    found += [f"held out: {h.reason}" for h in facts.held_out if h.digest == release.digest]
    if not await platform.knows(release.bot, release.digest):
        found.append("the platform knows no such release")
    if facts.stable.digest == release.digest:
        found.append("it is stable already")
    try:
        require_capabilities(ladder, release.bot, facts.capabilities)
    except LadderError as error:
        found.append(error.detail)
    return found


async def _stage(
    stage: Stage, ladder: Ladder, facts: BotFacts, people: People, metrics: MetricSource
) -> dict[str, Any]:
    shares = split(facts.total_capital, stage)
    labels = {"bot": facts.bot, "release": facts.stable.version, "variant": "stable"}
    asking = Questions(metrics, ladder.metrics, lambda _: labels)
    asks = []
    for gate in stage.gates:
        ask: dict[str, Any] = {"gate": gate.name, "kind": gate.kind}
        if gate.wants in FROM_METRICS:
            end = datetime.now(UTC)
            evidence = await asking.evidence(gate, end - timedelta(minutes=1), end, stage.observe.every)
            ask["stable_now"], ask["problem"] = _seen(evidence)
        asks.append(ask)
    return {
        "stage": stage.name,
        "mode": stage.mode,
        "candidate": str(shares.candidate),
        "observes": f"{show_duration(stage.observe.min)} to {show_duration(stage.observe.longest)}",
        "exit": _exit(stage, people),
        "gates": asks,
        "guards": [check.name for check in stage.guards.checks] if stage.guards else [],
    }


def _seen(evidence: Evidence) -> tuple[str, Code | None]:
    """What was found of stable, in a few words, and the problem with it if any."""
    match evidence:
        case PairEvidence():
            return _seen(evidence.candidate)
        case NumberEvidence(value=value, problem=None) if value is not None:
            return f"{value:.4g}", None
        case NumbersEvidence(problem=None):
            return ", ".join(f"{name} {value:.4g}" for name, value in evidence.numbers.items()), None
        case HistogramEvidence(problem=None):
            return f"{sum(evidence.candidate):.4g} values", None
        case NumberEvidence() | NumbersEvidence() | HistogramEvidence():
            return evidence.detail, evidence.problem
        case _:
            return "", None


def _exit(stage: Stage, people: People) -> str:
    match stage.exit:
        case ApprovalExit() as leaving:
            groups = [f"the members of {group}" for group in people.groups_with(leaving.roles)]
            names = ", ".join([person.name for person in people.with_role(leaving.roles)] + groups) or "nobody"
            return f"approval by {leaving.quorum} of {names} within {show_duration(leaving.expires)}"
        case VetoExit() as leaving:
            return f"veto window of {show_duration(leaving.window)}"
        case _:
            return "as soon as its gates pass"


def _show(release: Release, facts: BotFacts, ladder: Ladder, warnings: list[str], stages: list[dict[str, Any]]) -> None:
    head = f"{release.bot} {release.version} would replace {facts.stable.version} on ladder {ladder.ladder}"
    tree = Tree(Text(f"{head} ({ladder.hash[:12]}); nothing was exposed", style="bold"))
    for warning in warnings:
        tree.add(Text(f"✖ would be refused: {warning}", style="red"))
    for stage in stages:
        branch = tree.add(
            Text(f"{stage['stage']}: {stage['mode']}, candidate {stage['candidate']}, observes {stage['observes']}")
        )
        for ask in stage["gates"]:
            bad = ask.get("problem")
            now = f"; stable now: {ask['stable_now']}" if "stable_now" in ask else ""
            branch.add(Text(f"{'?' if bad else '·'} {ask['gate']} ({ask['kind']}){now}", style="yellow" if bad else ""))
        if stage["guards"]:
            branch.add(Text(f"guards: {', '.join(stage['guards'])}", style="dim"))
        branch.add(Text(f"left by: {stage['exit']}", style="cyan"))
    screen.print(tree)
