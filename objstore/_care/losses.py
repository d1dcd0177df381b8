"""Contents that are lost, since what is stored of them cannot be read: taken out, so that the rest can be loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .ailments import Ailment, Mend, Parts
from .exchanges import Path

_LOST: Final = "[lost: what was stored here is damaged]"


def without(id: str, parts: Parts, is_lost: Callable[[Any], bool]) -> tuple[dict[str, Any], tuple[Mend, ...]]:
    """Give the parts of a session without contents that cannot be read any more, and what was done.

    An artifact goes, a text elsewhere is replaced by a note, so that the rest can be loaded.
    """
    new = dict(parts)
    mends: list[Mend] = []
    for part, value in parts.items():
        kept = value
        if part == "artifacts" and isinstance(value, dict) and isinstance(items := value.get("artifacts"), list):
            there = [(n, item) for n, item in enumerate(items) if not any(_lost(item, (), is_lost))]
            gone = sorted({*range(len(items))} - {n for n, _ in there})
            mends += [_loss(id, part, ("artifacts", n), "removed") for n in gone]
            kept = {**value, "artifacts": [item for _, item in there]} if gone else value
        places = list(_lost(kept, (), is_lost))
        mends += [_loss(id, part, path, "replaced by a note") for path in places]
        new[part] = _noted(kept, is_lost) if places else kept
    return new, tuple(mends)


def _loss(id: str, part: str, path: Path, done: str) -> Mend:
    return Mend(Ailment(id, "damaged contents", part, path, "what is stored of it cannot be read", "error"), done)


def _lost(value: Any, path: Path, is_lost: Callable[[Any], bool]) -> Iterator[Path]:
    if isinstance(value, dict | list):
        for step, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _lost(member, (*path, step), is_lost)
    elif is_lost(value):
        yield path


def _noted(value: Any, is_lost: Callable[[Any], bool]) -> Any:
    if isinstance(value, dict):
        return {key: _noted(member, is_lost) for key, member in value.items()}
    if isinstance(value, list):
        return [_noted(item, is_lost) for item in value]
    return _LOST if is_lost(value) else value
