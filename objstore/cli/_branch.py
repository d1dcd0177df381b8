"""The commands that compare and branch: diff, fork."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

import typer

from .._log.compare import Difference
from ._options import AsJson, At
from ._output import fields, say, working, write_json, write_table
from ._places import Storage
from ._problems import UsageError
from ._text import counted, short, where


def diff(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID A B", hidden=True)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what changed in a session from commit A to commit B."""
    url, (id, *words) = storage.split(args, "ID", "A", "B")
    old, new = (_number(word) for word in words)
    with working("comparing") as meter, storage.existing(url, meter.observe) as store:
        found = store.diff(id, old, new).differences
    if as_json:
        differences = [{**fields(each), "path": list(each.path)} for each in found]
        write_json({"id": id, "old": old, "new": new, "differences": differences})
        return
    if found:
        write_table(("change", "where", "what"), [(each.kind, where(each.path), _what(each)) for each in found])
    say(f"{counted(len(found), 'difference')} between commit {old} and commit {new}" if found else "nothing changed")


def _number(word: str) -> int:
    with suppress(ValueError):  # it has more digits than Python reads
        if word.isascii() and word.isdecimal() and (number := int(word)):
            return number
    raise UsageError(f"{short(word)!r} is not the number of a commit; objstore log shows them")


def _what(difference: Difference) -> str:
    match difference.kind:
        case "added":
            return _value(difference.new)
        case "removed":
            return _value(difference.old)
        case "changed":
            return f"{_value(difference.old, 50)} -> {_value(difference.new, 50)}"


def _value(value: Any, length: int = 100) -> str:
    """Make one line of a value: a message as who said what, everything else as JSON."""
    if isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), list):
        said = (_block(block) for block in value["content"])
        return short(f"{value['role']}: {' '.join(said)}", length)
    return short(json.dumps(value, ensure_ascii=False), length)


def _block(block: Any) -> str:
    kind, text = (block.get("type"), block.get("text")) if isinstance(block, dict) else (None, None)
    return text if kind == "text" and isinstance(text, str) else f"[{kind}]"


def fork(
    storage: Storage,
    args: Annotated[list[str] | None, typer.Argument(metavar="[URL] ID NEW", hidden=True)] = None,
    *,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Make a new session NEW of a session, or of its commit N. The two share nothing afterwards."""
    url, (id, new) = storage.split(args, "ID", "NEW")
    with working("forking") as meter, storage.existing(url, meter.observe) as store:
        revision = store.fork(id, new, at=at)
        origin = next(commit.origin for commit in store.history(new) if commit.seq == revision.seq)
    seq = None if origin is None else origin.seq
    if as_json:
        write_json({"id": new, "origin": {"id": id, "seq": seq}, "seq": revision.seq, "digest": revision.digest})
    else:
        say(f"{new}: commit {revision.seq} holds the state of commit {seq} of {id}")
