"""A real PostgreSQL of a test's own: made, started and ended here, on a free port of this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        kept = [path for place in PLACES for path in sorted(Path("/").glob(f"{place.lstrip('/')}/{name}"))]
        found = str(kept[-1]) if kept else None
    if found is None:
        raise FileNotFoundError(f"no {name}: apt-get install postgresql, or brew install postgresql, and try again")
    return found


def _plain_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


@dataclass
class Server:
    """One cluster with the superuser ``ladder``, reached by its password."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+pg8000://ladder:hunter2@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        where = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data} -p {self.port}"
        self._control("start", "-w", "-o", where, "-l", str(self.data / "log"))

    def kill(self) -> None:
        """End it at once, with no leave to finish anything."""
        self._control("stop", "-m", "immediate")

    def _control(self, *args: str) -> None:
        subprocess.run(
            [_program("pg_ctl"), "-D", str(self.data), *args],
            user=_plain_user(), check=True, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip


@contextmanager
def server() -> Iterator[Server]:
    """A server that runs until the end of the block."""
    home = Path(tempfile.mkdtemp(prefix="ladder-postgresql-"))
    try:
        secret = home / "secret"
        secret.write_text("hunter2")
        if (user := _plain_user()) is not None:
            shutil.chown(home, user)
            shutil.chown(secret, user)
        subprocess.run(
            [_program("initdb"), "-D", str(home / "data"), "-U", "ladder", "-A", "scram-sha-256",
             f"--pwfile={secret}", "--no-sync"],
            user=_plain_user(), check=True, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            made = Server(home / "data", free.getsockname()[1])
        made.start()
        try:
            yield made
        finally:
            made.kill()
    finally:
        shutil.rmtree(home)
