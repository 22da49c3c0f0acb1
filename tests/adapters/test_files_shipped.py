"""What lies in config/ and docs/writing-ladders.md is right, and the schemas are those of the models."""

import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from promotion_ladder.adapters.files import ConfigDirectory, Problem, check_file, check_files, load_release, schemas
from promotion_ladder.adapters.files.schemas import DRAFT, text_of
from promotion_ladder.core.ladder import Ladder

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SHIPPED = sorted(path for path in CONFIG.rglob("*.yaml") if path.name != "manifest.yaml")  # that one is Slack's kind
LADDER = (Path(__file__).parent / "sample" / "ladders" / "base.yaml").read_text()
EXIT = LADDER[LADDER.index("    exit:") : LADDER.index("  - name: live")]


def _wrong(text: str, tmp_path: Path) -> list[Problem]:
    file = tmp_path / "base.yaml"
    file.write_text(text, encoding="utf-8")
    return check_file(file)


class TestShipped:
    """What lies in config/ is right, and its schemas are those of the models."""

    def test_everything_shipped_is_there_and_passes(self) -> None:
        assert check_files([CONFIG, CONFIG / "demo"]) == []
        names = {str(path.relative_to(CONFIG)) for path in SHIPPED}
        assert names >= {"policy.yaml", "people.yaml", "demo/policy.yaml", "demo/people.yaml"}
        assert names >= {f"ladders/{name}.yaml" for name in ("standard", "quick", "demo")}
        assert names >= {f"demo/releases/{name}.yaml" for name in ("healthy", "bleeding", "vetoed")}

    @pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(CONFIG)))
    def test_every_file_names_its_schema_and_fits_it(self, file: Path) -> None:
        first = file.read_text().splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert named is not None
        schema = (file.parent / named[1]).resolve()
        assert schema.parent == CONFIG / "schema"
        kind = schemas()[schema.name.removesuffix(".schema.json")]
        assert list(jsonschema.Draft202012Validator(kind).iter_errors(yaml.safe_load(file.read_text()))) == []

    @pytest.mark.parametrize("name", ["ladder", "policy", "people", "release", "slack", "evidence", "case"])
    def test_the_schemas_are_up_to_date(self, name: str) -> None:
        stored = (CONFIG / "schema" / f"{name}.schema.json").read_text()
        again = "run 'python -m promotion_ladder.adapters.files --write-schemas'"
        assert stored == text_of(schemas()[name]), again

    def test_one_command_writes_them(self, tmp_path: Path) -> None:
        module = "promotion_ladder.adapters.files"
        done = subprocess.run(
            [sys.executable, "-m", module, "--write-schemas"], capture_output=True, text=True, check=True
        )
        assert len(done.stdout.splitlines()) == 7
        assert subprocess.run([sys.executable, "-m", module], capture_output=True, check=False).returncode == 2

    def test_the_demo_is_a_folder_of_its_own(self) -> None:
        demo = ConfigDirectory(CONFIG / "demo")
        release = load_release(CONFIG / "demo" / "releases" / "healthy.yaml")
        route = demo.policy().routes[release.change]
        assert route.ladder == "demo"
        assert demo.ladder(route.ladder).stages[-1].name == "live"

    def test_the_prometheus_template_has_its_two_blanks_and_is_yaml(self) -> None:
        text = (CONFIG / "prometheus" / "prometheus.yml").read_text()
        assert set(re.findall(r'"\$(\w+)"', text)) == {"simulation", "worker"}
        found = yaml.safe_load(text)
        assert found["global"]["scrape_interval"] == "1s"
        assert [(CONFIG / "prometheus" / name).exists() for name in found["rule_files"]] == [True]


class TestSchema:
    """What people may write in YAML is right in the editor as well, and what the check refuses mostly is not."""

    validator = jsonschema.Draft202012Validator(schemas()["ladder"])

    @pytest.mark.parametrize("name", ["ladder", "policy", "people", "release"])
    def test_it_is_a_schema_of_the_2020_draft_and_describes_its_fields(self, name: str) -> None:
        schema = schemas()[name]
        assert schema["$schema"] == DRAFT
        jsonschema.Draft202012Validator.check_schema(schema)
        bare = [
            f"{part['title']}.{field}"
            for part in [schema, *schema.get("$defs", {}).values()]
            for field, said in part.get("properties", {}).items()
            if field != "kind" and "description" not in said and "$ref" not in said
        ]
        assert bare == []

    def test_the_base_fits(self) -> None:
        assert list(self.validator.iter_errors(yaml.safe_load(LADDER))) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("capital: 10%", "capital: 0.1"),
            ("capital: 10%", "capital: 12.5 %"),
            ("pause: 20m", "pause: 1h30m"),
            ("pause: 20m", "pause: until_resumed"),
            (EXIT, "    exit: auto\n"),
            (EXIT, "    exit: {kind: veto, window: 500ms}\n"),
            ("max: 0.25", "max: '0.25'"),
            ("pause: 20m", "pause: 20m\n    overrides: {lookback: 20, fast: true, name: x}"),
        ],
    )
    def test_a_form_that_the_check_takes_is_taken(self, old: str, new: str, tmp_path: Path) -> None:
        text = LADDER.replace(old, new, 1)
        assert text != LADDER
        assert _wrong(text, tmp_path) == []
        assert list(self.validator.iter_errors(yaml.safe_load(text))) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("capital: 10%", "capitol: 10%"),
            ("kind: loss, ", ""),
            ("kind: threshold", "kind: treshold"),
            ("pause: 20m", "pause: 20"),
            (EXIT, "    exit: veto\n"),
            ("mode: canary", "mode: canery"),
            ("      price_band: 1%\n", ""),
        ],
    )
    def test_a_slip_is_seen_in_the_editor_already(self, old: str, new: str, tmp_path: Path) -> None:
        text = LADDER.replace(old, new, 1)
        assert _wrong(text, tmp_path)
        assert list(self.validator.iter_errors(yaml.safe_load(text)))


class TestWritingLadders:
    """docs/writing-ladders.md: what it shows can be copied."""

    text = (ROOT / "docs" / "writing-ladders.md").read_text() if (ROOT / "docs" / "writing-ladders.md").exists() else ""
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)

    def test_it_shows_something(self) -> None:
        assert len(self.blocks) >= 4

    @pytest.mark.parametrize("block", blocks, ids=lambda block: block.splitlines()[0][:40])
    def test_every_snippet_is_right(self, block: str, tmp_path: Path) -> None:
        """A snippet is a whole file, a stage, a gate or a few fields of a canary stage."""
        data = yaml.safe_load(block)
        if isinstance(data, list):
            part = "stages" if "mode" in data[0] else "gates"
            text = _with_stages(block) if part == "stages" else _with_gates(block)
        elif "stages" in data or "routes" in data or "people" in data or "bot" in data:
            text = block
        else:
            text = _with_fields(block, list(data))
        assert _wrong(text, tmp_path) == []

    def test_it_names_every_field_kind_and_default(self) -> None:
        for part in schemas()["ladder"]["$defs"].values():
            for field in part.get("properties", {}):
                assert f"`{field}`" in self.text or f"{field}:" in self.text, f"{part['title']}.{field}"
        for field in Ladder.model_fields:
            assert f"`{field}`" in self.text


def _indented(block: str, by: int) -> str:
    return "".join(" " * by + line if line.strip() else line for line in block.splitlines(keepends=True))


def _with_stages(block: str) -> str:
    live = LADDER[LADDER.index("  - name: live") :]
    return "ladder: base\nstages:\n" + _indented(block, 2) + ("" if "mode: live" in block else live)


def _with_gates(block: str) -> str:
    canary = LADDER.index("    gates:\n      - kind: threshold")
    text = LADDER[:canary] + "    gates:\n" + _indented(block, 6) + LADDER[LADDER.index("    exit:") :]
    return text.replace("capital: 10%", "capital: 10%\n    baseline: true")


def _with_fields(block: str, fields: list[str]) -> str:
    """The base with fields of its canary stage taken from ``block`` instead."""
    head, rest = LADDER[: LADDER.index("    capital: 10%")], LADDER[LADDER.index("    capital: 10%") :]
    stage, live = rest[: rest.index("  - name: live")], rest[rest.index("  - name: live") :]
    for field in fields:
        stage = re.sub(rf"^    {field}:.*\n(?:      .*\n)*", "", stage, flags=re.MULTILINE)
    return head + stage + _indented(block, 4) + live
