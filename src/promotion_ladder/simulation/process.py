"""Starting, ending and steering a simulation from Python: for the demo, for tests, for one's own programs."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

import httpx

from promotion_ladder.core.release import Release, ReleaseRef
from promotion_ladder.simulation.behaviour import Behaviour, Kind
from promotion_ladder.simulation.bots import BotSpec, make_release
from promotion_ladder.simulation.faults import Fault

STOP_SECONDS = 5


class SimulationProcess:
    """A simulation in a process of its own; ``with SimulationProcess(path) as sim: sim.url``.

    ``tick`` is in seconds, 0 ticks only when asked; ``without`` names capabilities it shall not have. Starting again
    with the same file goes on where it was. Errors go to a log beside the state file. Raises RuntimeError with what the
    process said when it does not come up.
    """

    def __init__(
        self,
        state: Path,
        *,
        tick: float = 0.2,
        seed: int = 7,
        port: int = 0,
        bots: Path | None = None,
        without: Collection[str] = (),
    ) -> None:
        command = [sys.executable, "-m", "promotion_ladder.simulation"]
        command += ["--state", str(state), "--tick", str(tick), "--seed", str(seed), "--port", str(port)]
        if bots is not None:
            command += ["--bots", str(bots)]
        if without:
            command += ["--without", ",".join(without)]
        log = state.with_suffix(".log")
        with log.open("ab") as errors:  # a pipe nobody reads would fill up and hang it
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        first = self._process.stdout.readline() if self._process.stdout else ""
        if not first.startswith("listening on "):
            self._process.communicate(timeout=STOP_SECONDS)
            raise RuntimeError(f"the simulation did not come up: {log.read_text().strip()[-500:]}")
        self.url = first.removeprefix("listening on ").strip()
        self.pid = self._process.pid

    def stop(self) -> int:
        """End it in order (SIGTERM); its exit status, 0 when all went well."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Kill it at once (SIGKILL), as a crash would; its exit status."""
        return self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it without ending it (SIGSTOP), as a hanging machine would."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.thaw()
                self._process.send_signal(how)
        try:
            self._process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Knobs:
    """The knobs of a running simulation, typed. Raises httpx.HTTPStatusError when one is refused."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=10, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def add_bot(self, spec: BotSpec) -> None:
        """Add a bot, its stable release trading with the whole capital."""
        await self._call("POST", "/simulation/bots", spec.model_dump(mode="json"))

    async def publish(self, release: Release, behaviour: Behaviour) -> ReleaseRef:
        """Publish a release that will behave like this."""
        body = {"release": release.model_dump(mode="json"), "behaviour": behaviour.model_dump(mode="json")}
        return ReleaseRef.model_validate(await self._call("POST", "/simulation/releases", body))

    async def make(self, bot: str, version: str, kind: Kind = Kind.GOOD, **behaviour: Any) -> Release:
        """Make a release up and publish it."""
        release = make_release(bot, version)
        await self.publish(release, Behaviour(kind=kind, **behaviour))
        return release

    async def fault(self, kind: str, **details: Any) -> None:
        """Let something go wrong; see :class:`~promotion_ladder.simulation.faults.Fault`."""
        await self._call("POST", "/simulation/faults", Fault(kind=kind, **details).model_dump(mode="json"))

    async def faults(self) -> list[dict[str, Any]]:
        """Every fault that stands; one that strikes a number of times is gone as the last time begins."""
        return list(await self._call("GET", "/simulation/faults"))

    async def clear_faults(self) -> int:
        """Let nothing go wrong any more; how many faults stood."""
        return int(await self._call("DELETE", "/simulation/faults"))

    async def lift_faults(self, kind: str) -> int:
        """Let faults of one kind end; how many stood."""
        return int(await self._call("DELETE", f"/simulation/faults?kind={kind}"))

    async def effects(self, bot: str, verb: str = "", key: str = "") -> list[dict[str, Any]]:
        """What really happened, oldest first."""
        path = httpx.URL("/simulation/effects", params={"bot": bot, "verb": verb, "key": key})
        return list(await self._call("GET", str(path)))

    async def venue(self, account: str) -> dict[str, str]:
        """What the venue holds for an account, net."""
        return dict(await self._call("GET", str(httpx.URL("/simulation/venue", params={"account": account}))))

    async def tick(self) -> int:
        """The number of the last tick."""
        return int((await self._call("GET", "/simulation/clock"))["tick"])

    async def advance(self, ticks: int) -> int:
        """Make ticks now; the number of the last."""
        return int((await self._call("POST", f"/simulation/clock/advance?ticks={ticks}"))["tick"])

    async def metrics(self) -> str:
        """One scrape."""
        answer = await self._client.get("/metrics")
        answer.raise_for_status()
        return answer.text

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self._client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None
