"""Writing values: the JSON text of states and patches; big values become objects, cuts of long lists leaves.

See `objstore._format.state` for how values stand in memory and in storage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidValueError, NotFoundError
from . import canonical, state
from .canonical import JSON
from .commit import MAX_BYTES, Table
from .patching import Patch
from .refs import Ref
from .state import (
    BYTES,
    CROWDED_BYTES,
    LEAF,
    MAX_ITEMS,
    MAX_TEXT_BYTES,
    SHORT_TEXT_BYTES,
    TEXT,
    TEXT_BYTES,
    Leaf,
    Leaves,
    Limits,
    Texts,
    has_mark,
    names_in,
    with_inner,
)  # fmt: skip

LEAVES_GATHERED = 2
"""A snapshot, which has the items of many patches, makes leaves so many times as big as a patch does."""

LEAF_GROWTH = 8
"""The end of a list is a leaf from one part in so many of what is in leaves on."""


@dataclass(slots=True)
class Encoder:
    """Writes values and gathers the objects that they name.

    Attributes:
        present: Objects that are known to be stored, under the epoch given there.
        epoch: Where objects that are not present will be created.
        named: Every object that the values written so far name.
        missing: The raw bytes of those that have to be created, by name, or the reference to a local file of them.
        known: Texts of items that were written before; those that a patch adds join them.
        texts: The same, and after a state those of its items that no leaf holds.
        whole: Whether it is a state that is written.
    """

    present: Table
    epoch: int
    leaves: Leaves
    limits: Limits = field(default_factory=dict)
    named: dict[str, tuple[int, int]] = field(default_factory=dict)
    missing: dict[str, bytes | Ref] = field(default_factory=dict)
    cut: list[Leaf] = field(default_factory=list)
    known: Texts = field(default_factory=Texts)
    texts: Texts = field(init=False)
    whole: bool = field(default=False, init=False)
    _in_leaves: int = 0
    _held: int = 0

    def __post_init__(self) -> None:
        self.texts = self.known

    def state(self, state: Mapping[str, JSON]) -> tuple[str, dict[str, JSON]]:
        """Write a state; also give it with its big values replaced by their `Ref`."""
        self.whole, self.texts = True, Texts()
        text, kept = self._object(state, lambda key, value: self.value(value, self._limit(key)))
        if len(text) > CROWDED_BYTES:
            text, kept = self._object(state, lambda _, value: self.value(value, SHORT_TEXT_BYTES))
        return text, kept

    def _limit(self, part: str) -> int:
        return self.limits.get(part, TEXT_BYTES)

    def patch(self, patch: Patch) -> tuple[str, Patch]:
        """Write a patch of a state; also give it with its big values replaced by their `Ref`."""
        text, kept = self._patch_of(patch, self._limit)
        return (text, kept) if len(text) <= CROWDED_BYTES else self._patch_of(patch, lambda _: SHORT_TEXT_BYTES)

    def _patch_of(self, patch: Patch, limit: Callable[[str], int]) -> tuple[str, Patch]:
        return self._object_patch(
            patch, lambda key, v: self.value(v, limit(key)), lambda key, p: self._patch(p, limit(key))
        )

    def _patch(self, patch: Any, limit: int) -> tuple[str, Patch]:
        if "set" in patch:
            text, value = self.value(patch["set"], limit)
            return f'{{"set":{text}}}', {"set": value}
        if "list" in patch:
            texts: list[str] = []
            pieces: list[Any] = []
            for piece in patch["list"]:
                kept: Any = piece
                if isinstance(piece, list):
                    text = canonical.dumps(piece)
                elif "add" in piece:
                    text, items = self._list(piece["add"], limit)
                    text, kept = f'{{"add":{text}}}', {"add": items}
                else:
                    text, inner = self._patch(piece["patch"], limit)
                    text, kept = f'{{"at":{piece["at"]},"patch":{text}}}', {"at": piece["at"], "patch": inner}
                texts.append(text)
                pieces.append(kept)
            return f'{{"list":[{",".join(texts)}]}}', {"list": pieces}
        return self._object_patch(patch, lambda _, v: self.value(v, limit), lambda _, p: self._patch(p, limit))

    def _object_patch(self, patch: Any, put: _Write, sub: _Write) -> tuple[str, Patch]:
        texts: list[str] = []
        kept: Patch = {}
        if "cut" in patch:
            kept["cut"] = patch["cut"]
            texts.append(f'"cut":{canonical.dumps([_escape(key) for key in patch["cut"]])}')
        for member, write in (("sub", sub), ("put", put)):
            if member in patch:
                text, kept[member] = self._object(patch[member], write)
                texts.append(f'"{member}":{text}')
        return f"{{{','.join(texts)}}}", kept

    def value(self, value: JSON, limit: int) -> tuple[str, JSON]:
        """Write any value; texts of more than ``limit`` bytes become objects."""
        if isinstance(value, Ref):
            return self._ref(value), value.stored()
        if isinstance(value, str):
            return self._text(value, limit)
        if isinstance(value, memoryview):
            raw = value.tobytes()
            return self._object_ref(Ref(hashlib.sha256(raw).hexdigest(), len(raw), "bytes"), raw)
        if isinstance(value, list):
            return self._list(value, limit)
        if isinstance(value, dict):
            if (text := _plain(value, limit)) is not None:
                return text, value
            text, kept = self._object(value, lambda _, v: self.value(v, limit))
            if len(text) > CROWDED_BYTES and limit > SHORT_TEXT_BYTES:
                return self.value(value, SHORT_TEXT_BYTES)
            return text, kept
        return canonical.dumps(value), value

    def _object(self, value: Mapping[str, JSON], write: _Write) -> tuple[str, dict[str, JSON]]:
        texts: list[str] = []
        kept: dict[str, JSON] = {}
        for key, member in value.items():
            text, kept[key] = write(key, member)
            texts.append(f"{canonical.dumps(_escape(key))}:{text}")
        return f"{{{','.join(texts)}}}", kept

    def _list(self, items: list[JSON], limit: int) -> tuple[str, list[JSON]]:
        texts: list[str] = []
        kept: list[JSON] = []
        most = state.LEAF_BYTES * (LEAVES_GATHERED if self.whole else 1)
        start = size = 0  # of the run of items that no leaf holds yet, as positions in texts and kept
        first = 0
        position = 0
        while position < len(items):
            leaf = self.leaves.standing_at(items, position)
            if leaf and self._holds(leaf):
                if size >= state.LEAF_BYTES // 8:  # else what stands between two leaves is not worth one
                    self._cut(texts, start, kept, first)
                self._held += size + leaf.size
                self._reuse(leaf)
                texts.append(_leaf_item(leaf.name))
                kept.extend(leaf.items)
                position += len(leaf.items)
                start, first, size = len(texts), len(kept), 0
                continue
            text, value = self._item(items[position], limit)
            texts.append(text)
            kept.append(value)
            size += len(text) + 1
            position += 1
            if size >= most:
                self._cut(texts, start, kept, first)
                self._held += size
                start, first, size = len(texts), len(kept), 0
        if self.whole and size >= self._worth_a_leaf():  # the next snapshot would repeat it
            self._cut(texts, start, kept, first)
            self._held += size
        return f"[{','.join(texts)}]", kept

    def _worth_a_leaf(self) -> int:
        """Say how many bytes at the end of a list are a leaf: few while little is in leaves, else those become many."""
        most = state.LEAF_BYTES
        return min(max(self._held // LEAF_GROWTH, most // 8), most // 2)

    def _item(self, value: JSON, limit: int) -> tuple[str, JSON]:
        text = self.known.of(value)
        if text is None or not _fits(text, limit):
            text = _plain(value, limit)
        if text is None:
            return self.value(value, limit)
        if isinstance(value, dict):  # all else is written again as fast as it is found
            self.texts.remember(value, text)
        return text, value

    def _cut(self, texts: list[str], start: int, kept: list[JSON], first: int) -> None:
        """Make one leaf of the items from ``start`` on; their texts shrink to its name."""
        raw = f"[{','.join(texts[start:])}]".encode()
        if len(raw) > MAX_BYTES:
            raise InvalidValueError(
                f"one item of a list has {len(raw)} bytes of what is neither in a list nor in a long text, more than "
                f"{MAX_BYTES}; divide it among several items, or make lists of what are members of objects"
            )
        name = _text_name(raw)
        direct = {found for text in texts[start:] if has_mark(text) for found in names_in(canonical.loads(text))}
        leaf = Leaf(name, len(raw), kept[first:], with_inner(direct, {leaf.name: leaf for leaf in self.cut}))
        self._name(name, len(raw), raw)
        self._take(leaf)
        for item in leaf.items:
            self.texts.forget(item)
        texts[start:] = [_leaf_item(name)]

    def _holds(self, leaf: Leaf) -> bool:
        """Say whether a leaf that is remembered is still stored, with all that it names; a prune may have taken it."""
        return leaf.name in self.present and leaf.names <= self.present.keys()

    def _reuse(self, leaf: Leaf) -> None:
        for name in (leaf.name, *leaf.names):
            self.named[name] = self.present[name]
        self._take(leaf)

    def _take(self, leaf: Leaf) -> None:
        self.cut.append(leaf)
        self._in_leaves += len(leaf.items)
        if self._in_leaves > MAX_ITEMS:
            raise InvalidValueError(f"its lists have more than {MAX_ITEMS} items; divide it among several sessions")

    def _text(self, value: str, limit: int) -> tuple[str, JSON]:
        if len(value) * 4 <= limit or len(raw := value.encode()) <= limit:
            return canonical.dumps(value), value
        if len(raw) > MAX_TEXT_BYTES:
            raise InvalidValueError(
                f"a text has {len(raw)} bytes, more than {MAX_TEXT_BYTES}; put it as a binary artifact, from a file"
            )
        return self._object_ref(Ref(_text_name(raw), len(raw), "text"), raw)

    def _object_ref(self, ref: Ref, raw: bytes) -> tuple[str, JSON]:
        self._name(ref.name, len(raw), raw)
        return self._ref(ref), ref

    def _ref(self, ref: Ref) -> str:
        if ref.name not in self.named:
            if ref.name not in self.present and ref.path is None:
                raise NotFoundError(
                    f"object {ref.name} is not known to be stored for this session (it was pruned, is another "
                    "session's, or only an older state names it), and its contents are not in hand; load the "
                    "newest state, or put the artifact anew"
                )
            self._name(ref.name, ref.size, ref)
        return f'{{"{TEXT if ref.kind == "text" else BYTES}":"{ref.name}"}}'

    def _name(self, name: str, size: int, raw: bytes | Ref) -> None:
        if name in self.present:
            self.named[name] = self.present[name]
        else:
            self.named[name] = (self.epoch, size)
            self.missing[name] = raw


_Write = Callable[[str, JSON], tuple[str, JSON]]


def _plain(value: JSON, limit: int) -> str | None:
    """Write a value that holds nothing to be spilled, cut or escaped, which is nearly all, at the speed of C."""
    if isinstance(value, dict) and canonical.is_long(value):
        return None
    try:
        text = canonical.dumps(value)
    except TypeError:  # a Ref or a memoryview somewhere
        return None
    return None if has_mark(text) or not _fits(text, limit) else text


def _fits(text: str, limit: int) -> bool:
    return len(text) * 4 <= limit or len(text.encode()) <= limit


def _text_name(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest() + ".zst"


def _leaf_item(name: str) -> str:
    return f'{{"{LEAF}":"{name}"}}'


def _escape(key: str) -> str:
    return "=" + key if key.startswith("=") else key
