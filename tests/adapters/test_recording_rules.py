"""The recording rules that are shipped, by Prometheus' own means of testing them."""

import subprocess
from pathlib import Path

from promotion_ladder.stack.local import LocalStack
from promotion_ladder.stack.processes import program

SAMPLE = Path(__file__).parent / "sample" / "rules_test.yml"


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)


def test_they_say_what_the_gates_compare() -> None:
    done = promtool("test", "rules", str(SAMPLE))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_number_would_be_seen(tmp_path: Path) -> None:
    rules = Path(__file__).parents[2] / "config" / "prometheus" / "rules.yml"
    (tmp_path / "rules.yml").write_text(rules.read_text().replace("[5m]", "[1s]"))
    (tmp_path / "rules_test.yml").write_text(
        SAMPLE.read_text().replace("../../../config/prometheus/rules.yml", "rules.yml")
    )
    assert promtool("test", "rules", str(tmp_path / "rules_test.yml")).returncode == 1


def test_the_local_stack_gives_them_to_its_prometheus(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    stack.write_files()
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 3 rules found" in done.stdout
