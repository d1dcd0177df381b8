"""Tokens and costs."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator

from ._base import F32, U64, Model, OrAbsent

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _check_timestamp(text: str) -> str:
    if _RFC_3339.fullmatch(text):
        with suppress(ValueError):  # its message shows the text
            datetime.fromisoformat(text.upper())
            return text
    raise ValueError("not a timestamp of RFC 3339 with an offset")


class ContextUsage(Model):
    """How much of the model's context a session uses.

    Attributes:
        used_tokens: Tokens in use.
        max_tokens: The size of the context in tokens.
        percent: The share in use, from 0.0 to 1.0; single precision.
        turns: Turns so far.
    """

    used_tokens: U64
    max_tokens: U64
    percent: F32
    turns: U64

    @classmethod
    def default(cls) -> Self:
        """Make the one of a session without turns: nothing used of 200,000 tokens."""
        return cls(used_tokens=0, max_tokens=200_000, percent=0.0, turns=0)


class TokenUsage(Model):
    """Tokens of one call or of a whole session.

    Attributes:
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        total_tokens: Both.
        cache_read_tokens: Tokens that the provider read from its cache, if it said so.
        cache_write_tokens: Tokens that the provider wrote to its cache, if it said so.
    """

    prompt_tokens: U64
    completion_tokens: U64
    total_tokens: U64
    cache_read_tokens: U64 | None = None
    cache_write_tokens: U64 | None = None

    @classmethod
    def default(cls) -> Self:
        """Make the one of no call at all: zeros."""
        return cls(prompt_tokens=0, completion_tokens=0, total_tokens=0)


class LlmCostRecord(Model):
    """What one call of the model cost.

    Attributes:
        model: The model's name.
        provider: The provider's name.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        total_tokens: Both.
        cost_usd: The estimate in US dollars, if prices are known.
        timestamp: RFC 3339 with an offset. It is kept as text, because the seed writes nanoseconds.
        session_id: The session, if it is known.
    """

    model: str
    provider: str
    prompt_tokens: U64
    completion_tokens: U64
    total_tokens: U64
    cost_usd: float | None = None
    timestamp: Annotated[str, AfterValidator(_check_timestamp)]
    session_id: str | None = None


class LlmResponseMeta(Model):
    """Where an answer of the model came from, and how long it took."""

    provider: OrAbsent[str] = None
    request_model: OrAbsent[str] = None
    request_url: OrAbsent[str] = None
    response_id: OrAbsent[str] = None
    response_model: OrAbsent[str] = None
    response_object: OrAbsent[str] = None
    first_token_ms: OrAbsent[U64] = None
    duration_ms: OrAbsent[U64] = None
