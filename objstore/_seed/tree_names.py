"""Which sessions lie in a tree: the names in its directories, and the ids that the names stand for."""

from __future__ import annotations

from .._care.findings import Finding, finding_of
from .._log.ops import Entry, Get, List, Protocol
from .._log.reading import PAGE, read_each
from ..errors import IntegrityError, InvalidIdError
from . import five_parts
from .tree_files import SIBLINGS, SUFFIX, is_shared, key_of, name_of, owner


def names_in(directory: str) -> Protocol[set[str]]:
    """Read the names that files have in a directory; in that of the artifacts these are directories."""
    entries: list[Entry] = yield List(directory)
    if directory == f"{five_parts.ARTIFACTS}/":
        return {entry.name for entry in entries if entry.is_directory}
    return {stem for e in entries if not e.is_directory and (stem := stem_of(e.name))}


def stem_of(name: str) -> str | None:
    """Give the name of a session from that of its file; the seed does not see one that is named like the suffix."""
    return (name.removesuffix(SUFFIX) or None) if name.endswith(SUFFIX) else None


def ids_of(names: list[str]) -> Protocol[list[str]]:
    """Read the ids of sessions, in the order of their names, out of the files whose names do not tell."""
    found: dict[str, str | None] = {name: None if is_shared(name) else name for name in names}
    unsure = [name for name in names if is_shared(name)]
    for start in range(0, len(unsure), PAGE):
        page = unsure[start : start + PAGE]
        contents = yield from read_each([Get(key_of(five_parts.SESSION, name)) for name in page])
        for name, data in zip(page, contents, strict=True):
            found[name] = None if data is None else _inner_id(name, data)  # it was deleted since it was listed
    return list(dict.fromkeys(id for id in found.values() if id is not None))


def _inner_id(name: str, data: bytes) -> str:
    """Give the id in a file if it leads back to that file; the load of the file's own name tells what is wrong."""
    found = owner(data)
    try:
        return found if found is not None and name_of(found) == name else name
    except InvalidIdError:
        return name


def misplaced() -> Protocol[list[Finding]]:
    """Find files in the place of directories, and the other way round: a listing passes over both."""
    found: list[Finding] = []
    for directory in ("", *(f"{part}/" for part in SIBLINGS)):
        try:
            entries: list[Entry] = yield List(directory)
        except IntegrityError as error:
            found.append(finding_of(None, error))
            continue
        for entry in entries:
            stem = stem_of(entry.name)
            expected = entry.name in SIBLINGS if not directory else directory == f"{five_parts.ARTIFACTS}/"
            if entry.is_directory and stem and not expected:
                detail = "a directory is in the place of a file; move it away, and bring the file back"
            elif not entry.is_directory and expected:
                detail = "something is in the place of a directory; move it away, and bring the directory back"
            else:
                continue
            found.append(Finding(stem, directory + entry.name, "foreign", detail))
    return found
