"""The whole local stack: what ``ladder dev``, ``ladder demo`` and the end-to-end tests run on.

Everything is kept in one state directory, so a stack that is started again on it goes on where it was. Its addresses
stand in ``stack.json`` there; that is how every command finds it.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import IO

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from promotion_ladder import contracts
from promotion_ladder.core.codes import Code
from promotion_ladder.core.errors import LadderError
from promotion_ladder.core.release import Release
from promotion_ladder.fake_slack import Workspace
from promotion_ladder.settings import Settings, shipped_config
from promotion_ladder.stack.claim import claim, end_leftovers
from promotion_ladder.stack.processes import Process, end, free_port, is_free, program


@dataclass
class Ports:
    """Where things listen; 0 means where they did the last time, or a free port."""

    temporal: int = 0
    temporal_ui: int = 0
    prometheus: int = 0
    platform: int = 0
    worker_metrics: int = 0
    slack: int = 0

    def settled(self, memory: Path) -> "Ports":
        """The same with every 0 replaced; ``memory`` is kept, so that whoever watches finds the stack again."""
        known: dict[str, int] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(memory.read_text())
        again = {name: port for name, port in known.items() if is_free(port)}
        return Ports(**{name: port or again.get(name) or free_port() for name, port in vars(self).items()})


@dataclass
class LocalStack:
    """Temporal, Prometheus, the simulated platform and a worker, all on 127.0.0.1.

    With ``slack_fake`` also an imitated Slack and a gateway that listens to it; Slack is the only channel then.
    """

    state_dir: Path
    ports: Ports = field(default_factory=Ports)
    tick: float = 0.2
    config_dir: Path = field(default_factory=lambda: shipped_config() / "demo")
    slack_fake: bool = False
    temporal: Process = field(init=False)
    prometheus: Process = field(init=False)
    platform: Process = field(init=False)
    worker: Process = field(init=False)
    slack: Process = field(init=False)
    gateway: Process = field(init=False)
    _claim: IO[str] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.state_dir = self.state_dir.resolve()
        self.ports = self.ports.settled(self.state_dir / "ports.json")
        logs = self.state_dir / "logs"
        self.temporal = Process("Temporal", self._temporal_command(), logs / "temporal.log")
        self.prometheus = Process("Prometheus", self._prometheus_command(), logs / "prometheus.log")
        self.platform = Process("the simulated platform", self._platform_command(), logs / "platform.log")
        # Python ignores the option; it names the directory in the process list, as the others' commands do.
        ladder = [sys.executable, "-X", f"stack={self.state_dir}", "-m", "promotion_ladder.cli"]
        self.worker = Process("the worker", [*ladder, "worker"], logs / "worker.log", self.environment())
        slack = ["-m", "promotion_ladder.fake_slack", f"--port={self.ports.slack}"]
        slack.append(f"--state={self.state_dir / 'slack.json'}")
        self.slack = Process("the imitated Slack", [sys.executable, *slack], logs / "slack.log")
        self.gateway = Process("the Slack gateway", [*ladder, "slack"], logs / "gateway.log", self.environment())

    # --- addresses ----------------------------------------------------------------------------------------------

    @property
    def temporal_address(self) -> str:
        """host:port of the Temporal server."""
        return f"127.0.0.1:{self.ports.temporal}"

    @property
    def ui_url(self) -> str:
        """Temporal's own web page."""
        return f"http://127.0.0.1:{self.ports.temporal_ui}"

    @property
    def prometheus_url(self) -> str:
        """Prometheus."""
        return f"http://127.0.0.1:{self.ports.prometheus}"

    @property
    def platform_url(self) -> str:
        """The simulated platform."""
        return f"http://127.0.0.1:{self.ports.platform}"

    @property
    def slack_url(self) -> str:
        """The imitated Slack's page."""
        return f"http://127.0.0.1:{self.ports.slack}"

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this stack."""
        return {
            **(self._slack_environment() if self.slack_fake else {"LADDER_NOTICES": str(self._notices)}),
            "LADDER_STATE": str(self.state_dir),
            "LADDER_CONFIG": str(self.config_dir),
            "LADDER_AUDIT_URL": f"sqlite:///{self.state_dir / 'audit.sqlite'}",
            "LADDER_ANCHORS": str(self.state_dir / "anchors"),
            "LADDER_PLATFORM_URL": self.platform_url,
            "LADDER_METRICS": f"127.0.0.1:{self.ports.worker_metrics}",
            "PROMETHEUS_URL": self.prometheus_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
        }

    def _slack_environment(self) -> dict[str, str]:
        imitated = Workspace()
        return {
            "SLACK_BOT_TOKEN": imitated.bot_token,
            "SLACK_APP_TOKEN": imitated.app_token,
            "LADDER_SLACK": str(shipped_config() / "slack" / "fake.yaml"),
            "LADDER_SLACK_API": f"{self.slack_url}/api/",
        }

    @property
    def _notices(self) -> Path:
        return self.state_dir / "notices.jsonl"

    def facts(self) -> dict[str, str]:
        """Its addresses and places, as stack.json holds them."""
        return {
            **({"slack": self.slack_url} if self.slack_fake else {"notices": str(self._notices)}),
            "temporal": self.temporal_address,
            "temporal_ui": self.ui_url,
            "prometheus": self.prometheus_url,
            "platform": self.platform_url,
            "config": str(self.config_dir),
            "audit": f"sqlite:///{self.state_dir / 'audit.sqlite'}",
            "anchors": str(self.state_dir / "anchors"),
        }

    # --- commands -----------------------------------------------------------------------------------------------

    def _temporal_command(self) -> list[str]:
        attributes = [
            f"--search-attribute={key.name}={'Bool' if key is contracts.EXPOSED else 'Keyword'}"
            for key in contracts.SEARCH_ATTRIBUTES
        ]
        return [
            program("temporal"), "server", "start-dev", "--ip=127.0.0.1", f"--port={self.ports.temporal}",
            f"--ui-port={self.ports.temporal_ui}", f"--db-filename={self.state_dir / 'temporal.db'}",
            "--log-level=error", *attributes,
        ]  # fmt: skip

    def _prometheus_command(self) -> list[str]:
        return [
            program("prometheus"), f"--config.file={self.state_dir / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.state_dir / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.ports.prometheus}", "--log.level=warn",
            # A dead bot must look dead within seconds, not after the five minutes of the default.
            "--query.lookback-delta=10s",
        ]  # fmt: skip

    def _platform_command(self) -> list[str]:
        return [
            sys.executable, "-m", "promotion_ladder.simulation", f"--port={self.ports.platform}",
            f"--state={self.state_dir / 'platform.sqlite'}", f"--tick={self.tick}",
        ]  # fmt: skip

    def write_files(self) -> None:
        """What its programs and its visitors read: Prometheus' configuration, ports and addresses."""
        shipped = shipped_config() / "prometheus"
        template = Template((shipped / "prometheus.yml").read_text())
        text = template.substitute(
            simulation=f"127.0.0.1:{self.ports.platform}", worker=f"127.0.0.1:{self.ports.worker_metrics}"
        )
        (self.state_dir / "prometheus.yml").write_text(text)
        (self.state_dir / "rules.yml").write_text((shipped / "rules.yml").read_text())
        (self.state_dir / "ports.json").write_text(json.dumps(vars(self.ports)) + "\n")
        (self.state_dir / "stack.json").write_text(json.dumps(self.facts(), indent=2) + "\n")

    def _marks(self) -> frozenset[str]:
        """What tells a process of this directory from any other."""
        commands = (argument for process in self.processes for argument in process.command)
        return frozenset(argument for argument in commands if str(self.state_dir) in argument)

    # --- life ---------------------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        """All of them, in the order they are ended."""
        around = [self.platform, self.prometheus, self.temporal]
        return [self.gateway, self.worker, self.slack, *around] if self.slack_fake else [self.worker, *around]

    async def start(self) -> None:
        """Start everything and wait until all answer. Raises LadderError if not, with nothing left running."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._claim = claim(self.state_dir)
        try:
            await asyncio.to_thread(end_leftovers, self._marks())
            self.write_files()
            async with asyncio.TaskGroup() as starting:  # one that gives up ends the waiting for the others
                starting.create_task(self.temporal.begin(self.temporal_answers))
                starting.create_task(self.prometheus.begin(lambda: _answers(f"{self.prometheus_url}/-/ready")))
                starting.create_task(self.platform.begin(lambda: _answers(f"{self.platform_url}/bots")))
                if self.slack_fake:
                    starting.create_task(self.slack.begin(lambda: _answers(self.slack_url)))
            if self.slack_fake:
                self.gateway.start()  # it connects while the worker starts
            await self.start_worker()
        except ExceptionGroup as failed:
            await self.stop()
            raise failed.exceptions[0] from None
        except BaseException:
            await self.stop()
            raise

    async def start_worker(self) -> None:
        """Start the worker and wait until it polls."""
        await self.worker.begin(lambda: _answers(f"http://127.0.0.1:{self.ports.worker_metrics}/metrics"))

    async def temporal_answers(self) -> bool:
        """Whether the Temporal server takes clients."""
        try:
            await self.client()
        except RuntimeError:
            return False
        return True

    async def client(self) -> Client:
        """A client of the stack's Temporal server."""
        return await Client.connect(self.temporal_address, data_converter=pydantic_data_converter)

    async def stop(self) -> None:
        """End everything; nothing is left."""
        await end(self.processes)
        with contextlib.suppress(OSError):
            (self.state_dir / "stack.json").unlink()
        self.release()

    def release(self) -> None:
        """Give the directory back."""
        if self._claim is not None:
            self._claim.close()


async def _answers(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=1.0) as client:
            return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False


async def publish_to_simulation(found: Settings, release: Release, behaviour: str) -> None:
    """Make ``release`` known to the simulated platform; raises LadderError when it is not one, or refuses."""
    if found.platform_url is None:
        raise LadderError(Code.PLATFORM_DOWN, "no platform is configured", "run 'ladder dev'")
    body = {"release": release.model_dump(mode="json"), "behaviour": {"kind": behaviour}}
    try:
        async with httpx.AsyncClient(base_url=found.platform_url, timeout=5.0) as platform:
            answer = await platform.post("/simulation/releases", json=body)
    except httpx.HTTPError as error:
        raise LadderError(Code.PLATFORM_DOWN, f"{found.platform_url} does not answer: {type(error).__name__}") from None
    if answer.is_success:
        return
    told = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    detail = str(told.get("detail", "it is not the simulated platform"))
    raise LadderError(Code.PLATFORM_REFUSED, f"{found.platform_url} refused the release: {detail}"[:300])
