"""What a save wants to change, and what becomes of it on a head that moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from typing import Protocol as Contract

from .._format import canonical, patching
from .._format.canonical import JSON
from .._format.records import record
from ..errors import NotFoundError

State = Mapping[str, JSON]


class MovedError(Exception):
    """The change does not fit on this head; ``parts`` says where."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__(parts)
        self.parts = parts


class Change(Contract):
    """A wish to change a state."""

    @property
    def moved(self) -> bool:
        """Whether the state that it was last put on is another than the caller saw."""

    def on(self, state: State, appendable: frozenset[str]) -> dict[str, patching.Patch]:
        """Give the patch of each part that has to change in ``state``.

        Raises:
            MovedError: It does not fit on this state.
        """

    def held(self) -> dict[str, JSON]:
        """Give the parts that the caller holds once the change is saved."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Set parts to values, whatever is there.

    Attributes:
        whole: Whether these are all the parts that there shall be.
    """

    parts: State
    whole: bool = False
    moved: ClassVar = False  # it looked at nothing

    def on(self, state: State, appendable: frozenset[str]) -> dict[str, patching.Patch]:  # noqa: ARG002
        """See `Change.on`; fits on every state."""
        return _differences(state, {**dict.fromkeys(state), **self.parts} if self.whole else self.parts)

    def held(self) -> dict[str, JSON]:
        """See `Change.held`."""
        return dict(self.parts)


@dataclass(slots=True)
class Edit:
    """Set parts to values, as an edit of what the caller has seen.

    Attributes:
        seen: The parts as the caller last knew them.
        parts: The parts as they should be.
        merged: Those that it knows otherwise than they stood at its revision, since others had added to them.
        created: Whether the caller says that there is nothing yet, so that nothing can be added to.
    """

    seen: State
    parts: State
    merged: frozenset[str] = frozenset()
    created: bool = False
    _patches: dict[str, patching.Patch] = field(init=False)
    moved: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._patches = _differences(self.seen, self.parts)

    def on(self, state: State, appendable: frozenset[str]) -> dict[str, patching.Patch]:
        """See `Change.on`: a part must be as it was seen, or both sides have only appended to it, or agree."""
        patches, moved = {}, []
        self.moved = any(value is not state.get(part) for part, value in self.seen.items())
        for part, patch in self._patches.items():
            seen, now = self.seen.get(part), state.get(part)
            if canonical.same(seen, now):
                patches[part] = patch
            elif canonical.same(now, self.parts[part]):
                continue
            elif part in appendable and not self.created and (items := self._both_appended(part, now, patch)):
                assert isinstance(now, list)
                patches[part] = patching.append(len(now), items)
            else:
                moved.append(part)
        if moved:
            raise MovedError(moved)
        return patches

    def held(self) -> dict[str, JSON]:
        """See `Change.held`."""
        return {**self.seen, **self.parts}

    def _both_appended(self, part: str, now: JSON, patch: patching.Patch) -> list[JSON] | None:
        """Give what the caller appended, where the others have only appended as well."""
        seen = self.seen.get(part)
        if seen is None and isinstance(now, list) and isinstance(patch.get("set"), list):
            items: list[JSON] = patch["set"]  # a part that was never saved is as good as an empty one
            return items
        if not isinstance(seen, list) or not isinstance(now, list) or not patching.is_append(patch, len(seen)):
            return None
        if part in self.merged:  # what the others added stands between what the caller added
            rest = iter(now)
            if not all(any(canonical.same(item, other) for other in rest) for item in seen):
                return None
        elif len(now) < len(seen) or not all(map(canonical.same, seen, now)):
            return None
        return patching.appended(patch)


@record
class Derive:
    """Change whatever is there by a function of it: state -> the patch of each part. It must not change the state."""

    patches: Callable[[State], dict[str, Any]]
    moved: ClassVar = False

    def on(self, state: State, appendable: frozenset[str]) -> dict[str, patching.Patch]:  # noqa: ARG002
        """See `Change.on`; fits on every state, or raises what the function raises."""
        return self.patches(state)

    def held(self) -> dict[str, JSON]:
        """See `Change.held`."""
        return {}


@dataclass(slots=True)
class Pinned:
    """A derived change that must land on the very state that the caller saw, in the parts that it touches.

    Attributes:
        seen: The parts as the caller last knew them.
        stale: Those of which only is known that it holds them otherwise.
    """

    patches: Callable[[State], dict[str, Any]]
    seen: State
    stale: frozenset[str]
    moved: bool = field(init=False, default=False)

    def on(self, state: State, appendable: frozenset[str]) -> dict[str, patching.Patch]:
        """See `Change.on`: what it touches must be as it was seen, or only grow."""
        self.moved = any(value is not state.get(part) for part, value in self.seen.items())
        patches = self.patches(state)
        moved = [p for p in patches if p not in appendable and (p in self.stale or self._has_moved(p, state))]
        if moved:
            raise MovedError(moved)
        return patches

    def _has_moved(self, part: str, state: State) -> bool:
        return not canonical.same(self.seen.get(part), state.get(part))

    def held(self) -> dict[str, JSON]:
        """See `Change.held`."""
        try:
            patches = self.patches(self.seen)
        except NotFoundError:  # it adds to something that others made since
            return {**self.seen}
        own: Any = patching.apply(of_state(self.seen, patches), {**self.seen}) if patches else {}
        return {**self.seen, **own}


def unlike(held: State, state: State) -> dict[str, JSON]:
    """Give those of the parts that somebody holds that are not as they stand in ``state``."""
    return {part: value for part, value in held.items() if not canonical.same(value, state.get(part))}


def _differences(old: State, new: State) -> dict[str, patching.Patch]:
    patches = {}
    for part, value in new.items():
        patch = patching.diff(old.get(part), value)
        if patch is not None:
            patches[part] = patch
    return patches


def of_state(state: State, patches: Mapping[str, patching.Patch]) -> patching.Patch:
    """Make one patch of a state from those of its parts."""
    sub = {part: patch for part, patch in patches.items() if part in state and set(patch) != {"set"}}
    put = {part: patch["set"] for part, patch in patches.items() if part not in sub}
    return {member: value for member, value in (("sub", sub), ("put", put)) if value}
