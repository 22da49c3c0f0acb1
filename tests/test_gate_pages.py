"""The pages of the gate and guard kinds: each example is judged, and the verdict is the one that stands below it."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from pydantic import TypeAdapter

from promotion_ladder.core.evaluate import CHECKS, check_model
from promotion_ladder.core.evidence import Evidence
from promotion_ladder.core.gates.check import Check

ALL = sorted((Path(__file__).resolve().parents[1] / "docs" / "gates").glob("*.md"))
PAGES = [page for page in ALL if "```json" in page.read_text()]
"""The others have their examples in Python, which run in test_docs.py."""
EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


class Example(NamedTuple):
    page: str
    check: Check
    evidence: Evidence
    outcome: str
    sentence: str


def examples() -> list[Example]:
    found = []
    for page in PAGES:
        text = page.read_text()
        (gate,) = re.findall(r"^```yaml\n(- kind: .*?)^```$", text, re.DOTALL | re.MULTILINE)
        judged = re.findall(r"^```json\n(.*?)^```\n\n`(\w+)`: ([^\n]+)$", text, re.DOTALL | re.MULTILINE)
        assert len(judged) == text.count("```json") > 0, f"{page.name}: an example without its verdict"
        (spec,) = yaml.load(gate, yaml.BaseLoader)  # every value is the text that was written, as in a ladder
        model = check_model(spec)
        assert model is not None, f"{page.name}: no such kind"
        found += [
            Example(page.stem, model.model_validate(spec), EVIDENCE.validate_json(evidence), outcome, sentence.strip())
            for evidence, outcome, sentence in judged
        ]
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda each: f"{each.page}-{each.outcome}")
def test_the_verdict_on_the_page_is_the_one_that_is_given(example: Example) -> None:
    verdict = example.check.judge(example.evidence)
    assert example.check.kind == example.page
    assert verdict.outcome == example.outcome
    assert example.sentence in verdict.sentence


@pytest.mark.parametrize("kind", CHECKS)
def test_every_kind_has_a_page_with_a_worked_example(kind: str) -> None:
    (page,) = (page for page in ALL if page.stem == kind)
    assert re.search(r"^```(json|python)$", page.read_text(), re.MULTILINE)
