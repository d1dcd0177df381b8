"""What a verification finds, and its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .._log.apart import UnreadableError
from ..errors import IntegrityError
from .ailments import Ailment

Problem = Literal["damaged", "missing", "unreadable", "unknown format", "foreign"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        id: The session; ``None`` where that cannot be told.
        key: The object, relative to the store.
        problem: What kind of thing it is.
        detail: What was found, without contents.
    """

    id: str | None
    key: str
    problem: Problem
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification read and found.

    Attributes:
        sessions: How many sessions were read.
        commits: How many commits, those that history still promises.
        objects: How many objects that they name.
        size: Bytes read.
        findings: All that is wrong with what is stored, empty where nothing is.
        ailments: What hurts an agent in the newest states of those sessions with which nothing is wrong otherwise.
        missing: Those of the given ids of which nothing is stored.
    """

    sessions: int
    commits: int
    objects: int
    size: int
    findings: tuple[Finding, ...]
    ailments: tuple[Ailment, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all that is stored is as it was written."""
        return not self.findings

    @property
    def healthy(self) -> bool:
        """Whether that is so, and every session is fit to be resumed; notes do not count."""
        return self.ok and all(ailment.severity == "note" for ailment in self.ailments)


def finding_of(id: str | None, error: IntegrityError) -> Finding:
    """Say of an error of a read what kind of thing it is."""
    return Finding(id, error.key, "unreadable" if isinstance(error, UnreadableError) else "damaged", str(error))
