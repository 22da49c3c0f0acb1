"""``ladder dev``, ``ladder demo`` and ``ladder worker``: processes."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.status import Status
from rich.text import Text

from promotion_ladder import settings
from promotion_ladder.adapters.files import load_release
from promotion_ladder.cli.common import Format, Output, err, out, run, tell, write_json

if TYPE_CHECKING:
    from promotion_ladder.stack.local import LocalStack
    from promotion_ladder.stack.processes import Process

app = typer.Typer()

WATCH_EVERY = 0.5


@app.command(rich_help_panel="Servers")
def worker(
    build_id: Annotated[
        str | None, typer.Option(help="Version of this worker: runs stay on it until their next stage.")
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Run workflows and activities until told to stop.

    Examples:
      ladder worker

      ladder worker --build-id 2026-11-21
    """
    from promotion_ladder.workers.main import run_worker  # noqa: PLC0415 - a third of a second, for here alone

    found = settings.load()
    run(output, run_worker(found.model_copy(update={"build_id": build_id}) if build_id else found))


@app.command(rich_help_panel="Servers")
def dev(
    state: Annotated[Path | None, typer.Option(help="Directory that keeps everything.", show_default=False)] = None,
    config: Annotated[Path | None, typer.Option(help="Policy, people, ladders.", show_default=False)] = None,
    temporal_port: Annotated[int, typer.Option(help="0 is a free port.")] = 0,
    ui_port: Annotated[int, typer.Option(help="Port of Temporal's web page.")] = 0,
    prometheus_port: Annotated[int, typer.Option()] = 0,
    platform_port: Annotated[int, typer.Option()] = 0,
    tick: Annotated[float, typer.Option(help="Seconds per step of the simulated market.")] = 0.2,
    slack_fake: Annotated[
        bool, typer.Option("--slack-fake", help="Also imitate Slack: a page to click through, and the gateway.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Run the local stack in the foreground: Temporal, Prometheus, the simulated platform, a worker.

    Every other command finds it by itself. Ctrl-C ends all of it; the state directory keeps what was, and a new
    'ladder dev' on it goes on there.

    Examples:
      ladder dev

      ladder dev --state ./desk --temporal-port 7233 --ui-port 8233

      ladder dev --slack-fake
    """
    from promotion_ladder.stack.local import LocalStack, Ports  # noqa: PLC0415 - as above

    ports = Ports(temporal_port, ui_port, prometheus_port, platform_port)
    directory = config.resolve() if config is not None else settings.shipped_config() / "demo"
    stack = LocalStack(state or settings.load().state_dir, ports, tick, directory, slack_fake)
    run(output, _dev(stack, output))


async def _dev(stack: "LocalStack", output: Format) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    with Status("starting Temporal, Prometheus, the simulated platform and a worker", console=err):
        await stack.start()
    try:
        _say_where(stack, output)
        await _until(stop, stack)
    finally:
        with Status("ending", console=err):
            await stack.stop()
    err.print("ended; nothing is left running")


def _say_where(stack: "LocalStack", output: Format) -> None:
    if output is Format.JSON:
        write_json(stack.facts())
        sys.stdout.flush()
        return
    for what, where in (
        ("Temporal", f"{stack.temporal_address}, look at {stack.ui_url}"),
        ("Prometheus", stack.prometheus_url),
        ("platform", f"{stack.platform_url}/docs"),
        *(
            (("Slack", f"{stack.slack_url}/?as=U0RITA003, as somebody else by the list there"),)
            if stack.slack_fake
            else ()
        ),
        ("config", str(stack.config_dir)),
        ("state", str(stack.state_dir)),
    ):
        out.print(Text.assemble(("✔ ", "green"), (f"{what:<11}", "bold"), where))
    if stack.state_dir != settings.default_state_dir({}):
        out.print(Text(f"elsewhere: export LADDER_STATE={stack.state_dir}", style="dim"))
    out.print(Text("a first climb: ladder publish release.yaml, then ladder start release.yaml", style="dim"))
    out.print(Text("Ctrl-C ends all of it", style="dim"))


@app.command(rich_help_panel="Servers")
def publish(
    release: Annotated[Path, typer.Argument(help="RELEASE.yaml.", show_default=False)],
    behaviour: Annotated[
        str, typer.Option(help="good, bleeding, rejecting, slow, stale or crashing.", show_default=True)
    ] = "good",
    output: Output = Format.TEXT,
) -> None:
    """Publish a release to the simulated platform of 'ladder dev', with a character for it to play.

    A platform of your own publishes releases its own way.

    Example: ladder publish release.yaml --behaviour bleeding
    """
    from promotion_ladder.stack.local import publish_to_simulation  # noqa: PLC0415 - as above

    async def work() -> None:
        found = load_release(release)
        await publish_to_simulation(settings.load(), found, behaviour)
        tell(output, f"{found.bot} {found.version} is published, {behaviour}", found)

    run(output, work())


async def _until(stop: asyncio.Event, stack: "LocalStack") -> None:
    """Wait for the end, and say so when a part of the stack dies."""
    told: set[str] = set()
    while not stop.is_set():
        for process in stack.processes:
            if not process.alive and process.name not in told:
                told.add(process.name)
                err.print(Text.assemble(("✖ ", "red"), f"{process.name} {process.how_it_ended()}"))
                err.print(Text(f"→ {_way_back(stack, process)}"))
        try:
            await asyncio.wait_for(stop.wait(), WATCH_EVERY)
        except TimeoutError:
            continue


def _way_back(stack: "LocalStack", dead: "Process") -> str:
    if dead is stack.worker:
        return f"another one: LADDER_STATE={stack.state_dir} ladder worker; it goes on where this one was"
    return "Ctrl-C, then 'ladder dev' again with the same state: everything goes on where it was"


@app.command(rich_help_panel="Servers")
def demo(
    directory: Annotated[Path, typer.Option("--dir", help="Where state and summary.json go.")] = Path("build/demo"),
    slack_fake: Annotated[
        bool, typer.Option("--slack-fake", help="People act in an imitated Slack; its page is for you to click on.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Watch three releases meet their fates on a stack of their own: one climbs, one bleeds, one is vetoed.

    Exit status 0 only if each story ended as told; summary.json says how.

    Examples:
      ladder demo

      ladder demo --slack-fake
    """
    from promotion_ladder.demo.stories import tell_stories  # noqa: PLC0415 - as above

    as_told = run(output, tell_stories(directory, output is Format.JSON, slack_fake=slack_fake))
    if not as_told:
        raise typer.Exit(1)
