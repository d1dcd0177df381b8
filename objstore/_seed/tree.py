"""The tree layout: the files that A3S Code 2.1 - 3.1 writes and reads, byte for byte, on any storage.

Each file is replaced atomically, by itself; the last writer wins. Siblings are written first and the session last, so
that a session that can be seen has its siblings. A session is deleted before its siblings: what a crash leaves behind
are siblings without a session, which no listing shows and `Tree.exists` denies, and which another delete removes. The
other way round it would leave a session that looks alive and has lost its siblings.

Several ids can share a file name (``a/b``, ``a_b``). Whose files they are says the id inside the session's file;
siblings without a session do not say it, and belong to any id of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .._care.ailments import Ailment, examine
from .._care.findings import Finding, VerifyReport, finding_of
from .._care.retention import Doomed
from .._format import naming, patching
from .._format.canonical import JSON
from .._format.patching import Patch
from .._log.apart import apart
from .._log.listing import IdPage, Listed, at_second
from .._log.loaded import Loaded
from .._log.ops import Delete, Names, Page, Protocol
from .._log.session import CommitInfo
from ..errors import ConflictError, IntegrityError, InvalidIdError, UnsupportedError
from ..models import Revision
from . import five_parts
from .tree_files import SIBLINGS, encode, key_of, name_of, owner
from .tree_names import ids_of, misplaced, names_in, stem_of
from .tree_session import Files, decoded, other_owner, read, read_all, refuse_foreign, revision_of, write

_WHOLE_PAGE = 8
"""How many sessions are read side by side with all of their files."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The calls of a tree store, as protocols; it remembers nothing, so one instance serves everybody.

    Attributes:
        lossy: Write artifacts too although A3S Code would drop some of them when it loads the session.
    """

    lossy: bool = False

    def load(
        self,
        id: str,
        parts: Iterable[str] | None,
        at: int | None,
        *,
        contents: bool = True,  # noqa: ARG002 - a file is read as a whole
    ) -> Protocol[Loaded | None]:
        """Read some parts of a session, or all; ``None`` where none of them was ever saved.

        Raises:
            IntegrityError: A file is not what the seed writes, or is another session's.
            UnsupportedError: With ``at``: there is no history.
        """
        if at is not None:
            naming.check_number(at)
            raise _no_history()
        name = name_of(id)
        wanted = five_parts.PARTS if parts is None else tuple(parts)
        files = yield from read(name, wanted)
        found = {part: decoded(part, name, files[part]) for part in wanted}
        other = other_owner(id, name, files)
        key = key_of(five_parts.SESSION, name)
        if other is not None:
            raise IntegrityError(f"{key} holds the session {other!r}, not {id!r}; move it away or ask for that id", key)
        if all(value is None for value in found.values()):
            return None
        return Loaded(key, found, revision_of(files))

    def save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[tuple[Revision, bool]]:
        """Write parts, whatever is there; also say whether anything had to be written.

        A session's file that would not change is not written again. With ``base=0`` a part that is there already, and
        is not the same, is a conflict; that is looked up before, and a writer in between is not noticed.

        Raises:
            ConflictError: The file belongs to another session, or see above.
            IntegrityError: What is there is damaged, and by its name may belong to another session.
            UnsupportedError: The tree cannot hold it, or there is an idempotency key.
        """
        _check(base, key)
        name = name_of(id)
        encoded = self._encoded(id, parts)
        files = yield from read(name, encoded if base == 0 else ())
        return (yield from write(id, name, encoded, files, base))

    def derive(
        self,
        id: str,
        patches: Callable[[Mapping[str, JSON]], dict[str, Patch]],
        base: Revision | int | None,
        key: str | None,
    ) -> Protocol[tuple[Revision, bool]]:
        """Read all parts, change them by a function of them, and write; what others write in between is lost."""
        _check(base, key)
        name = name_of(id)
        files = yield from read(name, five_parts.PARTS)
        refuse_foreign(id, name, files)
        state = {part: decoded(part, name, data) for part, data in files.items()}
        changed = {part: patching.apply(patch, state[part]) for part, patch in patches(state).items()}
        return (yield from write(id, name, self._encoded(id, changed), files, base))

    def _encoded(self, id: str, parts: Mapping[str, JSON]) -> dict[str, bytes]:
        return {part: encode(part, id, document, lossy=self.lossy) for part, document in parts.items()}

    def delete(self, id: str, base: Revision | int | None, *, purge: bool) -> Protocol[None]:  # noqa: ARG002
        """Delete a session and its siblings; the files are gone at once, so ``purge`` adds nothing.

        Raises:
            ConflictError: The file belongs to another session.
            IntegrityError: It is damaged, and by its name may belong to another session.
        """
        _check(base, None)
        name = name_of(id)
        files = yield from read(name, ())
        refuse_foreign(id, name, files)
        if base == 0 and files[five_parts.SESSION] is not None:
            raise ConflictError(f"there is a session {id!r}, so it was not deleted as one that does not exist", id, 0)
        yield Delete((key_of(five_parts.SESSION, name),))
        yield Delete(tuple(key_of(part, name) for part in SIBLINGS))

    def foresee_delete(self, id: str, *, purge: bool) -> Protocol[tuple[list[Doomed], list[Doomed]]]:  # noqa: ARG002
        """Name what a delete would remove."""
        name = name_of(id)
        files = yield from read(name, five_parts.PARTS)
        there = (key_of(part, name) for part in five_parts.PARTS if files[part] is not None)
        return [Doomed(key, "its session is deleted") for key in there], []

    def exists(self, id: str) -> Protocol[bool]:
        """Say whether there is a session; a damaged one is there."""
        name = name_of(id)
        files = yield from read(name, ())
        data = files[five_parts.SESSION]
        return data is not None and owner(data) in (None, id)

    @apart
    def list_ids(self, prefix: str) -> Protocol[list[str]]:
        """Name all sessions whose ids begin with ``prefix``, sorted; one that cannot be read by its file's name."""
        ids = yield from ids_of(sorted((yield from names_in(""))))
        return sorted(id for id in ids if id.startswith(prefix))

    @apart
    def page_of_ids(self, prefix: str, cursor: str) -> Protocol[IdPage]:
        """Name some of them, by the names of their files, those behind a name."""
        page: Names = yield Page("", cursor)
        ids = yield from ids_of([stem for name in page.names if (stem := stem_of(name))])
        found = [id for id in ids if id.startswith(prefix)]
        return IdPage(found, page.names[-1] if page.more else None)

    def cursor_behind(self, id: str) -> str:
        """Give the name of a session's file."""
        return key_of(five_parts.SESSION, name_of(id))

    @apart
    def all_ids(self) -> Protocol[list[str]]:
        """Name all sessions, and the names of siblings that have none, sorted."""
        sessions = yield from names_in("")
        orphans: set[str] = set()
        for part in SIBLINGS:
            with suppress(IntegrityError):  # a link is in its place, which the load of each session tells
                orphans |= (yield from names_in(f"{part}/")) - sessions
        ids = yield from ids_of(sorted(sessions))
        return sorted({*ids, *orphans})

    @apart
    def heads(self, ids: Iterable[str], *, sizes: bool = False) -> Protocol[list[Listed]]:
        """Read what a listing shows of several sessions: all of their files; those that do not exist are left out."""
        wanted = [(id, name_of(id)) for id in ids]
        found: list[Listed] = []
        for start in range(0, len(wanted), _WHOLE_PAGE):
            page = wanted[start : start + _WHOLE_PAGE]
            for (id, name), files in zip(page, (yield from read_all([name for _, name in page])), strict=True):
                if files[five_parts.SESSION] is None:
                    continue
                size = sum(len(data or b"") for data in files.values()) if sizes else None
                try:
                    state = {part: decoded(part, name, data) for part, data in files.items()}
                except IntegrityError as error:
                    found.append(Listed(id, None, at_second(0), {}, size, str(error)))
                    continue
                session = state[five_parts.SESSION]
                if session is not None and session["id"] == id:
                    found.append(Listed(id, None, at_second(session["updated_at"]), five_parts.summarise(state), size))
        return found

    @apart
    def verify(self, ids: Iterable[str] | None) -> Protocol[VerifyReport]:
        """Read every file of some sessions, or of all, as the seed would, and look for what hurts an agent."""
        findings: list[Finding] = (yield from misplaced()) if ids is None else []
        ailments: list[Ailment] = []
        wanted: list[tuple[str, str]] = []
        for id in (yield from self.all_ids()) if ids is None else ids:
            try:
                wanted.append((id, name_of(id)))
            except InvalidIdError as error:
                if ids is not None:
                    raise
                findings.append(Finding(id, key_of(five_parts.SESSION, id), "foreign", str(error)))
        missing: list[str] = []
        sessions, objects, size = 0, 0, 0
        for start in range(0, len(wanted), _WHOLE_PAGE):
            page = wanted[start : start + _WHOLE_PAGE]
            for (id, name), files in zip(page, (yield from read_all([name for _, name in page])), strict=True):
                there = [data for data in files.values() if data is not None]
                sessions += bool(there)
                objects += len(there)
                size += sum(map(len, there))
                state, wrong = _looked_at(id, name, files)
                findings += wrong
                ailments += () if wrong else examine(id, state)
                missing += () if there or wrong or ids is None else [id]
        return VerifyReport(sessions, 0, objects, size, tuple(findings), tuple(ailments), tuple(missing))

    def restore(self, id: str, at: int) -> Protocol[tuple[Revision, bool]]:  # noqa: ARG002
        """There is no history.

        Raises:
            UnsupportedError: Always.
        """
        raise _no_history()

    def history(self, id: str) -> Protocol[list[CommitInfo]]:  # noqa: ARG002
        """There is no history.

        Raises:
            UnsupportedError: Always.
        """
        raise _no_history()


def _no_history() -> UnsupportedError:
    return UnsupportedError("the tree layout keeps no history; copy the session into a log store, which does")


def _check(base: Revision | int | None, key: str | None) -> None:
    if key is not None:
        raise UnsupportedError("the tree layout keeps no idempotency keys; leave it out, or use a log store")
    if isinstance(base, int) and base != 0:
        raise UnsupportedError(f"the tree layout does not number revisions, so there is none to base on {base}; pass 0")


def _looked_at(id: str, name: str, files: Files) -> tuple[dict[str, Any], list[Finding]]:
    """Read the parts of a session, and say what is wrong with their files."""
    state: dict[str, Any] = {}
    found: list[Finding] = []
    for part, data in files.items():
        try:
            document = state[part] = decoded(part, name, data)
        except IntegrityError as error:
            found.append(finding_of(id, error))
        else:
            if part == five_parts.SESSION and document is not None and document["id"] != id:
                found.append(Finding(id, key_of(part, name), "foreign", f"it holds the session {document['id']!r}"))
    return state, found
