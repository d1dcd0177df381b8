"""What a listing shows of documents: their parts ``summary``, also those that are too big for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from .. import DocumentSummary
from ..aio_documents import AsyncDocumentStore
from ..errors import IntegrityError

_AT_ONCE: Final = 32


async def summaries(documents: AsyncDocumentStore, prefix: str = "") -> AsyncIterator[tuple[str, Any]]:
    """Give the ids that begin with ``prefix`` with the summaries of their documents, but of those that have none.

    What a listing lacks is read from the documents, some of them side by side.
    """

    async def summary_of(listed: DocumentSummary) -> Any:
        if listed.summary is not None:
            return listed.summary
        try:
            document = await documents.load(listed.id, parts=("summary",))
        except IntegrityError:  # one that is damaged all through must not hide the others; `verify` names it
            return None
        return document and document.parts["summary"]  # it may have been deleted meanwhile

    found = await documents.summaries(prefix)
    for start in range(0, len(found), _AT_ONCE):
        page = found[start : start + _AT_ONCE]
        for listed, summary in zip(page, await asyncio.gather(*map(summary_of, page)), strict=True):
            if summary is not None:
                yield listed.id, summary
