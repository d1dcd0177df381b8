"""The five parts of a session: what each is called and made of, how a summary is drawn from them, how they grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter

from .._format import naming, patching
from .._format.canonical import JSON
from .._format.patching import Patch
from .._format.records import record
from .._format.refs import Ref
from ..errors import FormatError, NotFoundError
from ..models import _documents as documents
from ..models.runs import changed_by

SESSION: Final = "session"
ARTIFACTS: Final = "artifacts"
TRACES: Final = "traces"
RUNS: Final = "runs"
VERIFICATION: Final = "verification"
PARTS: Final = (SESSION, ARTIFACTS, TRACES, RUNS, VERIFICATION)

ADAPTERS: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {
        SESSION: documents.SESSION,
        ARTIFACTS: documents.ARTIFACTS,
        TRACES: documents.TRACE_EVENTS,
        RUNS: documents.RUN_RECORDS,
        VERIFICATION: documents.VERIFICATION_REPORTS,
    }
)
"""Part -> what turns it into JSON and back."""

ARTIFACT_TEXT_BYTES: Final = 4 * 1024
"""Contents of artifacts above this size become objects, so that a session opens without reading them."""

_NAME_LENGTH: Final = 120
_ID_LENGTH: Final = 1024
_OTHER_TYPES: Final = (AttributeError, IndexError, KeyError, TypeError)
"""What the walk through a part meets that was saved as a document and is not what the seed has under its name."""

State = Mapping[str, Any]


def summarise(state: State, patch: Patch | None = None, before: State = MappingProxyType({})) -> dict[str, Any]:
    """Draw from a state what a listing shows: a few hundred bytes, whatever the size of the session.

    Args:
        state: The state.
        patch: What made it of the one before, if a patch did. Then the work goes with the change, not with the size.
        before: The summary of the one before.
    """
    try:
        return _summary(state, patch, before)
    except _OTHER_TYPES:
        return {}


def _summary(state: State, patch: Patch | None, before: State) -> dict[str, Any]:
    session = state.get(SESSION)
    if session is None:
        return {}
    usage = session.get("total_usage") or {}
    summary = {
        "name": _short(session["config"]["name"], _NAME_LENGTH),
        "state": session["state"],
        "parent_id": _short(session.get("parent_id"), _ID_LENGTH),
        "model": _short(session.get("model_name"), _NAME_LENGTH),
        "messages": len(session["messages"]),
        "turns": _turns(session["messages"], patch, before),
        "tokens": usage.get("total_tokens", 0),
        "cost": session.get("total_cost", 0.0),
        "created_at": session["created_at"],
        "updated_at": session["updated_at"],
        "artifacts": len((state.get(ARTIFACTS) or {}).get("artifacts", ())),
    }
    for part in (TRACES, RUNS, VERIFICATION):
        summary[part] = len(state.get(part) or ())
    return {key: value for key, value in summary.items() if value is not None}


def _turns(messages: Sequence[Any], patch: Patch | None, before: State) -> int:
    counted, turns = before.get("messages"), before.get("turns")
    if patch is not None and type(counted) is int and type(turns) is int:
        added = patching.added_to(patch, (SESSION, "messages"), counted)
        if added is not None:
            return turns + sum(map(_is_turn, added))
    return sum(map(_is_turn, messages))


def _is_turn(message: Mapping[str, Any]) -> bool:
    return message["role"] == "user" and not _is_result(message)


def _short(text: object, length: int) -> str | None:
    return text[:length] if isinstance(text, str) else None  # a very long one lies in an object of its own


def _is_result(message: Mapping[str, Any]) -> bool:
    content = message["content"]
    return bool(content) and isinstance(content[0], dict) and content[0].get("type") == "tool_result"


def adopt(state: State, id: str) -> dict[str, Any]:
    """Give the state of a session as that of another id; what is no session of the seed's types stays as it is."""
    session = state.get(SESSION)
    return {**state, SESSION: {**session, "id": id} if isinstance(session, dict) and session else session}


@record
class Growth:
    """What is to be added to the ends of a session's parts, as documents.

    Attributes:
        events: Run id -> events; one without a ``sequence`` gets the next of its run.
        now_ms: The time of events that bring none, in epoch milliseconds.
    """

    messages: Sequence[JSON]
    traces: Sequence[JSON]
    runs: Sequence[JSON]
    events: Mapping[str, Sequence[Mapping[str, Any]]]
    artifacts: Sequence[Mapping[str, Any]]
    verification: Sequence[JSON]
    now_ms: int

    def patches(self, id: str) -> Callable[[State], dict[str, Patch]]:
        """Give the function that makes the patches of a state's parts, in time that goes with what is added."""

        def of(state: State) -> dict[str, Patch]:
            try:
                return self._patches(id, state)
            except NotFoundError:
                raise
            except _OTHER_TYPES:
                raise FormatError(
                    f"the parts of {id!r} are whole, but not of the seed's types; was it saved as a document?",
                    naming.session_dir(naming.session_key(id)),
                ) from None

        return of

    def _patches(self, id: str, state: State) -> dict[str, Patch]:
        patches: dict[str, Patch] = {}
        if self.messages:
            session = state.get(SESSION)
            if session is None:
                raise NotFoundError(f"{id!r} has no session to append messages to; save one first")
            patches[SESSION] = {"sub": {"messages": patching.append(_length(session["messages"]), list(self.messages))}}
        if self.traces:
            patches[TRACES] = _appended(state.get(TRACES), self.traces)
        if self.verification:
            patches[VERIFICATION] = _appended(state.get(VERIFICATION), self.verification)
        if self.runs or self.events:
            patches[RUNS] = self._runs(id, state.get(RUNS))
        if self.artifacts:
            patches[ARTIFACTS] = _put_artifacts(state.get(ARTIFACTS), self.artifacts)
        return patches

    def _runs(self, id: str, old: Any) -> Patch:
        added: list[Any] = list(self.runs)
        fresh = {run["snapshot"]["id"]: place for place, run in enumerate(added)}
        places = _places(old or [], self.events.keys() - fresh)
        pieces: list[Any] = []
        position = 0
        changed: dict[int, Patch] = {}
        for run_id, events in self.events.items():
            if run_id in fresh:
                place = fresh[run_id]
                added[place] = patching.apply(self._events(added[place], events), added[place])
            elif run_id in places:
                changed[places[run_id]] = self._events(old[places[run_id]], events)
            else:
                raise NotFoundError(f"{id!r} has no run {run_id!r} to append events to")
        if old is None:
            return {"set": added}
        for place in sorted(changed):
            pieces += _kept(position, place)
            pieces.append({"at": place, "patch": changed[place]})
            position = place + 1
        pieces += _kept(position, len(old))
        if added:
            pieces.append({"add": added})
        return {"list": pieces}

    def _events(self, run: Any, events: Sequence[Mapping[str, Any]]) -> Patch:
        old, snapshot = run["events"], run["snapshot"]
        sequence = old[-1]["sequence"] + 1 if old else 0
        added: list[Any] = []
        put: dict[str, Any] = {}
        status, prompt = snapshot.get("status"), snapshot.get("prompt")
        for event in events:
            complete = {"sequence": sequence, "timestamp_ms": self.now_ms, **event}
            added.append(complete)
            sequence = complete["sequence"] + 1
            put |= changed_by(complete["event"], put.get("status", status), put.get("prompt", prompt))
        # What is new to the snapshot stands before the count, where the seed writes it.
        cut = ["event_count"] if "event_count" in snapshot and not put.keys() <= snapshot.keys() else []
        if added:
            put["updated_at_ms"] = max(snapshot["updated_at_ms"], added[-1]["timestamp_ms"])
        put["event_count"] = len(old) + len(added)
        moved: Patch = {"cut": cut, "put": put} if cut else {"put": put}
        return {"sub": {"snapshot": moved, "events": patching.append(len(old), added)}}


def _places(runs: list[Any], wanted: set[str]) -> dict[str, int]:
    """Find runs by their ids, from the newest on, since that is the one that grows."""
    places: dict[str, int] = {}
    for place in range(len(runs) - 1, -1, -1):
        if len(places) == len(wanted):
            break
        if (id := runs[place]["snapshot"]["id"]) in wanted:
            places.setdefault(id, place)
    return places


def _appended(old: Any, items: Sequence[JSON]) -> Patch:
    return {"set": list(items)} if old is None else patching.append(_length(old), list(items))


def _length(items: object) -> int:
    if not isinstance(items, list):
        raise TypeError
    return len(items)


def _kept(start: int, end: int) -> list[Any]:
    return [[start, end - start]] if end > start else []


def referring(artifact: dict[str, Any]) -> dict[str, Any]:
    """Put a reference in the place of what a model says about binary contents; see `objstore.ArtifactData`."""
    data = artifact.get("data")
    return artifact if data is None else {**artifact, "data": Ref(data["digest"], data["size"], "bytes")}


def _put_artifacts(old: Any, added: Sequence[Mapping[str, Any]]) -> Patch:
    """Put artifacts behind the others; one that is there under the same uri moves to the end, as in the seed."""
    latest = {artifact["artifact_uri"]: artifact for artifact in added}
    if old is None:
        return {"set": {"artifacts": list(latest.values())}}
    pieces: list[Any] = []
    position = 0
    for place, artifact in enumerate(old["artifacts"]):
        if artifact["artifact_uri"] in latest:
            pieces += _kept(position, place)
            position = place + 1
    pieces += _kept(position, len(old["artifacts"]))
    return {"sub": {"artifacts": {"list": [*pieces, {"add": list(latest.values())}]}}}
