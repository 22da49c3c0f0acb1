"""A Prometheus with a written past: blocks made by promtool, so that every sample and its time are known."""

import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from promotion_ladder.stack.processes import free_port, program

BEGIN = datetime(2026, 6, 1, 14, tzinfo=UTC)
"""Begin of every observation; no test looks at the clock."""

Points = Mapping[float, float]
"""Seconds after BEGIN, and what was scraped then."""


def labelled(name: str, **labels: str) -> str:
    """A series as Prometheus writes it."""
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


@dataclass
class Backfilled:
    """A Prometheus on a folder of its own; blocks are added while it does not run."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where it listens while it runs."""
        return f"http://127.0.0.1:{self.port}"

    def write(self, series: Mapping[str, Points]) -> None:
        """Add blocks with these samples to what there is."""
        text = self.folder / "samples.txt"
        with text.open("w") as file:
            file.writelines(f"{line}\n" for line in _lines(series))
            file.write("# EOF\n")
        command = [
            program("promtool"),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            str(text),
            str(self.folder / "data"),
        ]
        subprocess.run(command, check=True, capture_output=True)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Run it; its address."""
        (self.folder / "prometheus.yml").write_text("{}")
        options: dict[str, object] = {"config.file": self.folder / "prometheus.yml", "log.level": "error"}
        options |= {"storage.tsdb.path": self.folder / "data", "storage.tsdb.retention.time": "50y"}
        options |= {"web.listen-address": f"127.0.0.1:{self.port}"}
        command = [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
        log = self.folder / "log"
        with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            try:
                for _ in range(400):
                    with suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                        break
                    time.sleep(0.05)
                else:
                    raise AssertionError(f"prometheus did not get ready: {log.read_text()[-2000:]}")
                yield self.url
            finally:
                process.kill()


def _lines(series: Mapping[str, Points]) -> Iterable[str]:
    for name, points in series.items():
        for after, value in sorted(points.items()):
            yield f"{name} {value!r} {(BEGIN + timedelta(seconds=after)).timestamp():.3f}"
