"""What is wrong with a file: where, what, and what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, order=True)
class Problem:
    """One thing a person must mend."""

    file: str
    line: int
    column: int
    field: str
    """The path to it: ``stages[2].gates[0].max``; empty for the file itself."""
    message: str
    hint: str = ""
    severity: Severity = "error"
    """``warning``: it works, but perhaps not as it is meant; ``info``: nothing to mend."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        what = f"{self.field}: {self.message}" if self.field else self.message
        return f"{where}{what}" + (f" ({self.hint})" if self.hint else "")


def choose(written: str, allowed: Iterable[str], what: str = "allowed") -> str:
    """A hint for a word that is not among ``allowed``: the nearest one, and all of them."""
    words = list(dict.fromkeys(allowed))
    if not words:
        return ""
    lower = {word.lower(): word for word in words}
    near = difflib.get_close_matches(written.lower(), lower, n=1, cutoff=0.6)
    listed = f"{what}: {', '.join(words)}"
    return f"did you mean '{lower[near[0]]}'? {listed}" if near else listed
