"""The exceptions of libraries, as what they are to ours: causes, where that tells nobody a secret."""

from __future__ import annotations

from collections.abc import Iterator

from ._target import Target


def causes(error: BaseException) -> Iterator[BaseException]:
    """Walk from an exception to what caused it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def harmless(error: Exception, target: Target) -> Exception | None:
    """Keep an error as the cause of another, unless it says a secret or repeats a refused request with credentials."""
    texts = [str(cause) for cause in causes(error)]
    return error if all(target.scrub(text) == text and "CanonicalRequest" not in text for text in texts) else None
