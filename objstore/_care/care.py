"""What those who keep house know of the parts of a session, and do not of those of a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .ailments import Ailment, Mend, Parts, examine, mend
from .losses import without


@dataclass(frozen=True, slots=True)
class Care:
    """What is known of the parts of a session beyond that they are JSON; see the functions of these names."""

    examine: Callable[[str, Parts], tuple[Ailment, ...]]
    mend: Callable[[str, Parts], tuple[dict[str, Any], tuple[Mend, ...]]]
    without: Callable[[str, Parts, Callable[[Any], bool]], tuple[dict[str, Any], tuple[Mend, ...]]]


OF_SESSIONS: Final = Care(examine, mend, without)
OF_DOCUMENTS: Final = Care(lambda *_: (), lambda _, parts: (dict(parts), ()), lambda _, parts, __: (dict(parts), ()))
