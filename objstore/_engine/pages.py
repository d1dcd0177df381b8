"""Going over all sessions of a store a page at a time, so that memory is bounded however many there are.

A face drives `read` as long as `left`; between two pages nothing is held but where to go on.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from .._format import naming
from .._log.ops import Call, Protocol
from .._log.reading import PAGE
from ..models import SessionState
from .arguments import aware, text
from .layouts import FindLayout
from .summary import SessionSummary, summary_of


class IdPages:
    """The ids that begin with a prefix, in the order of their names in the storage.

    Args:
        layout: Finds out what lies at the place.
        prefix: What the ids begin with.
        after: Only what comes behind this id in that order.
    """

    def __init__(self, layout: FindLayout, prefix: str, after: str | None) -> None:
        self._layout = layout
        self._prefix = prefix
        self._after = None if after is None else naming.check_id(after)
        self._cursor: str | None = ""

    @property
    def left(self) -> bool:
        """Whether there may be another page."""
        return self._cursor is not None

    def read(self) -> Protocol[list[str]]:
        """Read the next page, which may be empty."""
        layout = yield from self._layout()
        if self._after is not None:
            self._cursor, self._after = layout.cursor_behind(self._after), None
        page = yield from layout.page_of_ids(self._prefix, self._cursor or "")
        self._cursor = page.cursor
        return page.ids


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which summaries are asked for; ``None`` stands for any.

    Attributes:
        sizes: Whether to look how much is stored, too.
    """

    state: str | None
    parent: str | None
    updated_since: datetime.datetime | None
    sizes: bool

    def __post_init__(self) -> None:
        if self.updated_since is not None:
            aware("updated_since", self.updated_since)
        if self.parent is not None:
            text("parent", self.parent)
        if self.state is not None and text("state", self.state) not in [*SessionState]:
            raise ValueError(f"no session is in the state {self.state!r}; the states are {', '.join(SessionState)}")

    def fits(self, summary: SessionSummary) -> bool:
        """Say whether a summary is one of these."""
        return (
            self.state in (None, summary.state)
            and self.parent in (None, summary.parent_id)
            and (self.updated_since is None or summary.updated_at >= self.updated_since)
        )


class SummaryPages:
    """The summaries of the sessions that some pages of ids, or some ids, are of.

    Args:
        layout: Finds out what lies at the place.
        ids: Taken from as they are needed, where the caller is.
        wanted: Which of them to give.
    """

    def __init__(self, layout: FindLayout, ids: IdPages | Iterable[str], wanted: Wanted) -> None:
        self._layout = layout
        self._pages = ids if isinstance(ids, IdPages) else None
        self._ids: Iterator[str] = iter(()) if isinstance(ids, IdPages) else iter(ids)
        self._wanted = wanted
        self.left = True

    def read(self) -> Protocol[list[SessionSummary]]:
        """Read the next page, which may be empty."""
        ids = self._take() if self._pages else (yield Call(self._take))
        if not ids and self._pages and self._pages.left:
            self._ids = iter((yield from self._pages.read()))
            ids = self._take()
        self.left = bool(ids) or (self._pages is not None and self._pages.left)
        if not ids:
            return []
        heads = yield from (yield from self._layout()).heads(ids, sizes=self._wanted.sizes)
        return [summary for summary in map(summary_of, heads) if self._wanted.fits(summary)]

    def _take(self) -> list[str]:
        return list(islice(self._ids, PAGE))
