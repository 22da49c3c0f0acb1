"""The registry of reason codes is whole."""

from promotion_ladder.core.codes import Code
from promotion_ladder.core.sentences import gov, ops, risk


def test_every_code_has_its_texts_and_every_text_its_code() -> None:
    families = {"GOV": gov.TEXTS, "RISK": risk.TEXTS, "OPS": ops.TEXTS}
    for family, texts in families.items():
        assert sorted(texts) == sorted(code for code in Code if code.startswith(f"{family}_"))
    assert all(code.partition("_")[0] in families for code in Code)


def test_texts_are_sentences() -> None:
    for code in Code:
        assert code.sentence.endswith(".")
        assert code.next_step.endswith((".", '"'))
