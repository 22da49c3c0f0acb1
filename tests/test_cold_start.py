"""What no command may pay for: libraries that only a few of them need."""

import subprocess
import sys

HEAVY = {
    "numpy", "scipy", "matplotlib", "pandas", "sqlalchemy", "slack_sdk", "aiohttp", "requests",
    "promotion_ladder.workers.assembly", "promotion_ladder.stack.local",
}  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    call = "import sys; sys.argv = ['ladder', '--help']; from promotion_ladder.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", call], capture_output=True, text=True, check=True, timeout=60
    )
    imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "Usage" in run.stdout
    assert "promotion_ladder.core.statistics" in imported, "the statistics are there, without what they need"
    assert not HEAVY & imported
