"""What hurts an agent although every digest is right, and how it is mended.

All of it works on the parts of a session as plain JSON, big texts of which may not have been read. Nothing is judged by
its contents, and nothing unknown is touched. What is only missing elsewhere, an artifact that is named and not there,
is said and never mended. Mending is done once: what was mended has no errors, and mending it again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from .._format import canonical
from . import exchanges
from .exchanges import Path

AilmentKind = Literal[
    "repeated id",
    "call without result",
    "result without call",
    "result out of place",
    "unfinished run",
    "wrong event count",
    "wrong event order",
    "absent artifact",
    "damaged contents",
]

UNFINISHED: Final = frozenset({"created", "planning", "executing", "verifying"})
_URI: Final = re.compile(r"Full output artifact: (a3s://[^\s\]]*[^\s\].,;:])")
_SCHEME: Final = "a3s://"


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something in a session that hurts an agent.

    Attributes:
        id: The session.
        kind: What it is.
        part: ``session``, ``artifacts``, ``traces``, ``runs`` or ``verification``.
        path: Where in the part: names of members and places in lists.
        detail: What was found, without contents.
        severity: ``error``: the session is not fit to be resumed as it is. ``note``: it may be so for good reason (an
            agent is at work on a run), or cannot be mended (an artifact is not there).
    """

    id: str
    kind: AilmentKind
    part: str
    path: Path
    detail: str
    severity: Literal["error", "note"]


@dataclass(frozen=True, slots=True)
class Mend:
    """What was, or would be, done about an ailment."""

    ailment: Ailment
    done: str


@dataclass(frozen=True, slots=True)
class _Found:
    ailment: Ailment
    done: str | None


Parts = Mapping[str, Any]
_Report = Callable[..., None]


def examine(id: str, parts: Parts) -> tuple[Ailment, ...]:
    """Find what hurts an agent in the parts of a session."""
    _, found = _mended(id, parts)
    return tuple(each.ailment for each in found)


def mend(id: str, parts: Parts) -> tuple[dict[str, Any], tuple[Mend, ...]]:
    """Give the parts of a session without what can be mended, and what was done.

    Parts that are right are the same objects. A call without a result is answered as interrupted, a result without a
    call removed; the second holder of an id gets another one, or goes if it is the same in all; a run that never ended
    has failed; events are counted, and those that go back numbered on. Of artifacts with the same uri the last stays,
    as for everybody who loads them.
    """
    new, found = _mended(id, parts)
    return new, tuple(Mend(each.ailment, each.done) for each in found if each.done)


def _mended(id: str, parts: Parts) -> tuple[dict[str, Any], list[_Found]]:
    new: dict[str, Any] = dict(parts)
    found: list[_Found] = []
    for part, work in (("session", _session), ("artifacts", _artifacts), ("runs", _runs)):
        if part not in new:
            continue

        def report(
            kind: AilmentKind, path: Path, detail: str, done: str | None, *, note: bool = False, part: str = part
        ) -> None:
            found.append(_Found(Ailment(id, kind, part, path, detail, "note" if note else "error"), done))

        new[part] = work(new[part], report)
    return new, [*found, *_absent(id, parts)]


def _dicts(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((n, item) for n, item in enumerate(value if isinstance(value, list) else ()) if isinstance(item, dict))


def _session(session: Any, report: _Report) -> Any:
    if not isinstance(session, dict):
        return session
    changed: dict[str, Any] = {}
    if isinstance(messages := session.get("messages"), list):
        new, flaws = exchanges.mended(messages)
        for flaw in flaws:
            report(flaw.kind, flaw.path, flaw.detail, flaw.done)
        if new is not messages:
            changed["messages"] = new
    if isinstance(tasks := session.get("tasks"), list):
        new = _unless_same([task for _, task in _unique(tasks, ("id",), ("tasks",), report)], tasks)
        if new is not tasks:
            changed["tasks"] = new
    return {**session, **changed} if changed else session


def _unique(items: list[Any], member: tuple[str, ...], path: Path, report: _Report) -> list[tuple[int, Any]]:
    """Give each item an id of its own, with its old place; one that is the same as another in all goes."""
    taken = dict.fromkeys((id for _, item in _dicts(items) if isinstance(id := _at(item, member), str)), 2)
    first: dict[str, Any] = {}
    kept: list[tuple[int, Any]] = []
    for n, item in enumerate(items):
        id = _at(item, member)
        if not isinstance(id, str) or first.setdefault(id, item) is item:
            kept.append((n, item))
        elif canonical.same(first[id], item):
            report("repeated id", (*path, n), "it stands there twice", "removed the second")
        else:
            report("repeated id", (*path, n), "an earlier one has this id", "renamed")
            kept.append((n, _with(item, member, exchanges.fresh(id, taken))))
    return kept


def _unless_same(new: list[Any], old: list[Any]) -> list[Any]:
    """Give the very old list where nothing changed, so that nobody looks for differences in it."""
    return old if len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True)) else new


def _at(item: Any, path: Iterable[str]) -> Any:
    for step in path:
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _with(item: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {**item, path[0]: value if len(path) == 1 else _with(item[path[0]], path[1:], value)}


def _artifacts(part: Any, report: _Report) -> Any:
    items = _at(part, ("artifacts",))
    if not isinstance(items, list):
        return part
    last = {uri: n for n, item in _dicts(items) if isinstance(uri := item.get("artifact_uri"), str)}
    kept: list[Any] = []
    for n, item in enumerate(items):
        uri = _at(item, ("artifact_uri",))
        if isinstance(uri, str) and last[uri] != n:
            report("repeated id", ("artifacts", n), "a later artifact has this uri", "removed; the last one counts")
        else:
            kept.append(item)
    return part if len(kept) == len(items) else {**part, "artifacts": kept}


def _runs(runs: Any, report: _Report) -> Any:
    if not isinstance(runs, list):
        return runs
    unique = _unique(runs, ("snapshot", "id"), (), report)
    return _unless_same([_run(n, run, report) for n, run in unique], runs)


def _run(n: int, run: Any, report: _Report) -> Any:
    snapshot, events = _at(run, ("snapshot",)), _at(run, ("events",))
    if not isinstance(snapshot, dict) or not isinstance(events, list):
        return run
    new = dict(snapshot)
    status = snapshot.get("status")
    if isinstance(status, str) and status in UNFINISHED:
        detail = "it never ended, unless an agent is still at work on it"
        report("unfinished run", (n, "snapshot", "status"), detail, "closed as failed", note=True)
        new |= {"status": "failed", "error": "interrupted", "event_count": new.pop("event_count", None)}
    if new.get("event_count") != len(events):
        detail = f"it does not say that there are {len(events)} events"
        report("wrong event count", (n, "snapshot", "event_count"), detail, "counted")
        new["event_count"] = len(events)
    ordered = _in_order(n, events, report)
    if new == snapshot and ordered is events:
        return run
    return {**run, "snapshot": new, "events": ordered}


def _in_order(n: int, events: list[Any], report: _Report) -> list[Any]:
    kept: list[Any] = []
    previous = -1
    for place, event in enumerate(events):
        sequence = _at(event, ("sequence",))
        if not isinstance(sequence, int):
            kept.append(event)
            continue
        if sequence <= previous:
            report("wrong event order", (n, "events", place, "sequence"), "it repeats or goes back", "numbered on")
            kept.append({**event, "sequence": previous + 1})
            previous += 1
        else:
            kept.append(event)
            previous = sequence
    return _unless_same(kept, events)


def _absent(id: str, parts: Parts) -> Iterator[_Found]:
    items = _dicts(_at(parts.get("artifacts"), ("artifacts",)))
    there = {uri for _, item in items if isinstance(uri := item.get("artifact_uri"), str)}
    for part, path, uri in _named(parts):
        if uri not in there:
            ailment = Ailment(id, "absent artifact", part, path, "it is named and not there", "note")
            yield _Found(ailment, None)


def _named(parts: Parts) -> Iterator[tuple[str, Path, str]]:
    for m, message in _dicts(_at(parts.get("session"), ("messages",))):
        for b, block in _dicts(message.get("content")):
            for text in _texts(block):
                for uri in _URI.findall(text):
                    yield "session", ("messages", m, "content", b), uri
    for n, event in _dicts(parts.get("traces")):
        for uri in _uris(event.get("artifact_uris")):
            yield "traces", (n, "artifact_uris"), uri
    for n, report in _dicts(parts.get("verification")):
        for c, check in _dicts(report.get("checks")):
            for uri in _uris(check.get("evidence_uris")):
                yield "verification", (n, "checks", c, "evidence_uris"), uri


def _texts(block: dict[str, Any]) -> Iterator[str]:
    """Give the texts of a block that are at hand; a truncated output is never so long that it lies elsewhere."""
    content = block.get("content") if block.get("type") == "tool_result" else None
    for text in (block.get("text"), content, *(piece.get("text") for _, piece in _dicts(content))):
        if isinstance(text, str):
            yield text


def _uris(value: Any) -> Iterator[str]:
    uris = value if isinstance(value, list) else ()
    return (uri for uri in uris if isinstance(uri, str) and uri.startswith(_SCHEME))
