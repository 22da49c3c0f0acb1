"""The release: one immutable candidate of one bot."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from promotion_ladder.core.base import Record, Spec
from promotion_ladder.core.canonical import digest

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A name that is safe in ids, labels, paths and messages."""

Sha256 = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
"""A content digest as registries write it: ``sha256:`` and 64 hex digits."""


class ChangeClass(StrEnum):
    """What kind of change a release is against stable; the highest class of all its differences decides."""

    STRATEGY = "strategy"
    ADAPTER = "adapter"
    RISK_LOOSENING = "risk_loosening"
    RISK_TIGHTENING = "risk_tightening"
    PARAMS = "params"
    IMAGE = "image"
    MANIFEST = "manifest"
    DOCS = "docs"


class Release(Spec):
    """One immutable candidate of one bot, as RELEASE.yaml states it."""

    bot: Name
    """The bot this release is for."""
    version: Name
    """The name people know it by, for instance ``2.4.0``."""
    artifact: Sha256
    """Digest of the code or image."""
    params: Sha256
    """Digest of the parameters."""
    change: ChangeClass
    """The highest class of what differs from stable."""
    author: Name
    """The principal who made it (people.yaml); may not approve where the ladder asks for four eyes."""

    @property
    def digest(self) -> str:
        """The identity of what would run: a hash of bot, artifact and params."""
        return digest({"bot": self.bot, "artifact": self.artifact, "params": self.params})

    @property
    def ref(self) -> "ReleaseRef":
        """The short form that platforms and messages carry."""
        return ReleaseRef(version=self.version, digest=self.digest)


class ReleaseRef(Record):
    """A release as a platform names it."""

    version: str
    digest: str

    def __str__(self) -> str:
        return f"{self.version} ({self.digest[:8]})"
