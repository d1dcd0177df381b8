"""Trace events: compact facts about what was executed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import Field

from ._base import I32, JSON, U64, Model, Named, OrAbsent, UnlessEmpty, WireEnum

TRACE_EVENT_SCHEMA: Final = "a3s.trace_event.v1"

_PROGRAM_FACTS: Final = ("program_name", "success", "step_count", "failed_steps")


class TraceEventKind(WireEnum):
    """What was executed."""

    TOOL_EXECUTION = "tool_execution"
    PROGRAM_EXECUTION = "program_execution"


with warnings.catch_warnings():
    # The seed calls the field `schema`, and so does pydantic a method that it has retired.
    warnings.filterwarnings("ignore", 'Field name "schema"', UserWarning)

    class TraceEvent(Model):
        """One execution of a tool or a program.

        Attributes:
            schema: Which event this is; any string is kept.
            kind: What was executed; a kind that the seed does not know is kept as a plain string.
            name: The tool or the program.
            success: Whether it succeeded.
            exit_code: What it ended with.
            duration_ms: How long it took, in milliseconds.
            output_bytes: How much it put out.
            metadata_keys: The names of its metadata, sorted.
            artifact_uris: The artifacts that its metadata names, sorted, each once.
            details: More about it: any JSON value, copied.
        """

        schema: str  # type: ignore[assignment]
        kind: Annotated[Named[TraceEventKind] | str, Field(union_mode="left_to_right")]
        name: str
        success: bool
        exit_code: I32
        duration_ms: U64
        output_bytes: U64
        metadata_keys: UnlessEmpty[list[str]] = Field(default_factory=list)
        artifact_uris: UnlessEmpty[list[str]] = Field(default_factory=list)
        details: OrAbsent[JSON] = None

        @classmethod
        def tool_execution(
            cls,
            name: str,
            success: bool,  # noqa: FBT001 - the seed's order, so that its calls can be carried over
            exit_code: int,
            duration_ms: int,
            output_bytes: int,
            metadata: Mapping[str, Any] | None = None,
        ) -> Self:
            """Make the event of a tool.

            Args:
                name: The tool.
                success: Whether it succeeded.
                exit_code: What it ended with.
                duration_ms: How long it took, in milliseconds.
                output_bytes: How much it put out.
                metadata: What it said about itself. Only its keys are kept, and every string that stands under a key
                    ``artifact_uri`` at any depth.
            """
            return cls(
                schema=TRACE_EVENT_SCHEMA,
                kind=TraceEventKind.TOOL_EXECUTION,
                name=name,
                success=success,
                exit_code=exit_code,
                duration_ms=duration_ms,
                output_bytes=output_bytes,
                metadata_keys=sorted(metadata or ()),
                artifact_uris=sorted(set(_artifact_uris(metadata))),
            )

        @classmethod
        def program_execution(
            cls,
            name: str,
            success: bool,  # noqa: FBT001 - the seed's order, so that its calls can be carried over
            exit_code: int,
            duration_ms: int,
            output_bytes: int,
            metadata: Mapping[str, Any] | None = None,
        ) -> Self:
            """Make the event of a program; like `tool_execution`, with the summary of ``metadata["trace"]``."""
            event = cls.tool_execution(
                name,
                success=success,
                exit_code=exit_code,
                duration_ms=duration_ms,
                output_bytes=output_bytes,
                metadata=metadata,
            )
            event.kind = TraceEventKind.PROGRAM_EXECUTION
            if metadata is not None and "trace" in metadata:
                trace = metadata["trace"]
                event.details = {
                    fact: trace.get(fact) if isinstance(trace, Mapping) else None for fact in _PROGRAM_FACTS
                }
            return event


def _artifact_uris(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        uri = value.get("artifact_uri")
        if isinstance(uri, str):
            yield uri
        for item in value.values():
            yield from _artifact_uris(item)
    elif isinstance(value, list):
        for item in value:
            yield from _artifact_uris(item)
