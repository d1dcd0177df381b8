"""What changed between two JSON documents, as a patch that costs what the change does.

A patch is one of

* ``{"set": value}``
* of an object, any of ``{"cut": [key], "sub": {key: patch}, "put": {key: value}}``, applied in this order; a key that
  is put replaces the one that is there, otherwise it is appended, so one that is both cut and put moves to the end
* of a list, ``{"list": [piece, ...]}``, the pieces of the new list in its order: ``[from, count]`` items of the old
  one, ``{"at": i, "patch": patch}`` its item ``i`` patched, ``{"add": [item, ...]}``.

The order of keys is kept. There are no patches inside strings. Documents are never changed; what a patch leaves alone
is shared by the old and the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .canonical import JSON
from .diff import Patch, added_to, append, appended, diff, is_append

__all__ = [
    "Patch",
    "PatchError",
    "UnknownPatchError",
    "added_to",
    "append",
    "appended",
    "apply",
    "diff",
    "is_append",
    "map_values",
]

_OBJECT_MEMBERS: Final = frozenset({"cut", "sub", "put"})
_MEMBERS: Final = _OBJECT_MEMBERS | {"set", "list"}
_PIECE_MEMBERS: Final = frozenset({"at", "patch", "add"})


class PatchError(ValueError):
    """A patch is malformed, or does not fit the document that it is applied to."""


class UnknownPatchError(PatchError):
    """A patch or piece is of a kind that this version does not know; a newer one may."""


def apply(patch: Patch, old: JSON, room: list[int] | None = None) -> JSON:
    """Make the new document of the old one, which is not changed.

    What the patch leaves alone is the same object in both, and the values that it brings are its own: treat all of them
    as frozen.

    Args:
        patch: What to change.
        old: The old document.
        room: By how many items ranges may make lists longer than they were, since a few bytes can repeat any number;
            what is used of it is taken off.

    Raises:
        UnknownPatchError: The patch has a part of a kind that is not known here.
        PatchError: It is malformed, or does not fit ``old``.
    """
    kind = _kind(patch)
    if kind == "set":
        value: JSON = patch["set"]
        return value
    if kind == "list":
        if not isinstance(old, list):
            raise PatchError("a patch of a list does not fit what is no list")
        return _apply_list(patch["list"], old, room)
    if not isinstance(old, dict):
        raise PatchError("a patch of an object does not fit what is no object")
    return _apply_object(patch, old, room)


def _apply_object(patch: Patch, old: dict[str, JSON], room: list[int] | None) -> JSON:
    new = dict(old)
    for key in patch.get("cut", ()):
        if key not in new:
            raise PatchError("a key to be cut is not there")
        del new[key]
    for key, inner in patch.get("sub", {}).items():
        if key not in new:
            raise PatchError("a key to be patched is not there")
        new[key] = apply(inner, new[key], room)
    new.update(patch.get("put", {}))
    return new


def _apply_list(pieces: list[Any], old: list[JSON], room: list[int] | None) -> JSON:
    new: list[JSON] = []
    longer = -len(old)
    for piece in pieces:
        _check_piece(piece)
        if isinstance(piece, list):
            start, count = piece
            if start + count > len(old):
                raise PatchError("a range goes beyond the end of the list")
            longer += count
            if room and longer > room[0]:
                raise PatchError("its ranges repeat more items than a state may have")
            kept = old[start : start + count]
            if new:
                new += kept
            else:
                new = kept  # nearly always the first piece, and nearly all of the list
        elif "add" in piece:
            new.extend(piece["add"])
        else:
            if piece["at"] >= len(old):
                raise PatchError("an item to be patched is beyond the end of the list")
            new.append(apply(piece["patch"], old[piece["at"]], room))
    if room and longer > 0:
        room[0] -= longer
    return new


def map_values(
    patch: Any,
    value: Callable[[JSON], JSON],
    items: Callable[[list[JSON]], list[JSON]],
    key: Callable[[str], str],
) -> Patch:
    """Copy a patch with all that is the user's in it sent through functions: to encode it, or to decode it again.

    Args:
        patch: A patch, or what was read as one; it is checked.
        value: Is given every value that is set or put.
        items: Is given the items that an ``add`` piece adds, all at once, since several may be stored as one.
        key: Is given every key that is put, cut or patched.

    Raises:
        UnknownPatchError: The patch has a part of a kind that is not known here.
        PatchError: It is malformed.
    """
    kind = _kind(patch)
    if kind == "set":
        return {"set": value(patch["set"])}
    if kind == "list":
        return {"list": [_map_piece(piece, value, items, key) for piece in patch["list"]]}
    mapped: Patch = {}
    if "cut" in patch:
        mapped["cut"] = [key(name) for name in patch["cut"]]
    if "sub" in patch:
        mapped["sub"] = {key(name): map_values(inner, value, items, key) for name, inner in patch["sub"].items()}
    if "put" in patch:
        mapped["put"] = {key(name): value(member) for name, member in patch["put"].items()}
    return mapped


def _map_piece(
    piece: Any,
    value: Callable[[JSON], JSON],
    items: Callable[[list[JSON]], list[JSON]],
    key: Callable[[str], str],
) -> Any:
    _check_piece(piece)
    if isinstance(piece, list):
        return piece
    if "add" in piece:
        return {"add": items(piece["add"])}
    return {"at": piece["at"], "patch": map_values(piece["patch"], value, items, key)}


def _kind(patch: Any) -> str:
    """Tell the kind of a patch, ``set``, ``list`` or ``object``, and check its members, not what is nested in them."""
    if not isinstance(patch, dict) or not patch:
        raise PatchError("a patch is an object with members")
    members = patch.keys()
    if not members <= _MEMBERS:
        raise UnknownPatchError("a patch of an unknown kind")
    if members <= _OBJECT_MEMBERS:
        if not isinstance(patch.get("sub", {}), dict) or not isinstance(patch.get("put", {}), dict):
            raise PatchError("what is put or patched stands in an object, by its key")
        cut = patch.get("cut", [])
        if not isinstance(cut, list) or not all(isinstance(name, str) for name in cut):
            raise PatchError("what is cut is a list of keys")
        return "object"
    if len(members) != 1:
        raise PatchError("a patch of two kinds")
    if "list" in patch and not isinstance(patch["list"], list):
        raise PatchError("a patch of a list is a list of pieces")
    return "set" if "set" in patch else "list"


def _check_piece(piece: Any) -> None:
    if isinstance(piece, list):
        if len(piece) != 2 or not all(map(_is_count, piece)):
            raise PatchError("a range is the place of its first item and the number of items")
        return
    if not isinstance(piece, dict) or not piece:
        raise PatchError("a piece is a range or an object with members")
    members = piece.keys()
    if not members <= _PIECE_MEMBERS:
        raise UnknownPatchError("a piece of an unknown kind")
    if members == {"add"}:
        if not isinstance(piece["add"], list):
            raise PatchError("what is added is a list of items")
    elif members != {"at", "patch"} or not _is_count(piece["at"]):
        raise PatchError("a patched item is its place and a patch")


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
