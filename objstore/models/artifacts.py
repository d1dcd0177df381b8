"""Artifacts: tool outputs that are too big for the conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from ._base import U64, ListOf, Model, OrAbsent, Wire


class ArtifactData(Model):
    """Stands for the contents of a binary artifact, which lie in the store and may be of any size.

    `objstore.SessionStore.open_artifact` reads them. An artifact that was loaded can be saved again into the same
    session, and keeps its contents as long as the newest state names them.

    Attributes:
        digest: Their sha256 as 64 hex digits.
        size: How many bytes they have.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: U64


class ToolArtifact(Model):
    """A tool's output. It cannot be changed; put another one under the same uri instead.

    The last two fields are objstore's own. A file of A3S Code never has them.

    Attributes:
        artifact_id: For instance ``tool-output:bash:0123456789abcdef``.
        artifact_uri: What messages refer to, for instance ``a3s://tool-output/bash/0123456789abcdef``.
        tool_name: The tool.
        content: All of its output; empty where that is binary.
        original_bytes: The size of the output.
        shown_bytes: How much of it the message shows.
        media_type: What kind of thing it is, such as ``image/png``, if anybody said so.
        data: Stands for the output where that is binary; made by `objstore.SessionStore.put_artifact`.
    """

    model_config = ConfigDict(frozen=True)

    artifact_id: str
    artifact_uri: str
    tool_name: str
    content: str
    original_bytes: U64
    shown_bytes: U64
    media_type: OrAbsent[str] = None
    data: OrAbsent[ArtifactData] = None

    @model_validator(mode="after")
    def _text_or_binary(self) -> Self:
        if self.data is not None and self.content:
            raise ValueError("an artifact has either content or data, not both")
        return self

    @model_serializer(mode="wrap")
    def _to_wire(self, write: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if info.context is Wire:
            written.pop("media_type", None)
            written.pop("data", None)
        return written


class ArtifactsFile(Model):
    """How an `ArtifactStore` looks on the wire."""

    artifacts: ListOf[ToolArtifact] = Field(repr=False)


class ArtifactStore:
    """The artifacts of a session by their uri, in the order in which they were put.

    Nothing is ever evicted. (A3S Code keeps the newest 256 artifacts and 16 MiB, and drops the others while loading.)
    Two stores are equal when they hold equal artifacts in the same order.
    """

    __slots__ = ("_artifacts", "_extra")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self._artifacts: dict[str, ToolArtifact] = {}
        self._extra: dict[str, Any] = {}  # unknown members of the file

    def put(self, artifact: ToolArtifact) -> None:
        """Add an artifact at the end; it replaces the one of the same uri."""
        self._artifacts.pop(artifact.artifact_uri, None)
        self._artifacts[artifact.artifact_uri] = artifact

    def get(self, uri: str) -> ToolArtifact | None:
        """Return the artifact of this uri, or ``None``."""
        return self._artifacts.get(uri)

    def remove(self, uri: str) -> ToolArtifact | None:
        """Take out the artifact of this uri and return it, or ``None``."""
        return self._artifacts.pop(uri, None)

    def len(self) -> int:
        """Return the number of artifacts."""
        return len(self._artifacts)

    def __len__(self) -> int:
        return len(self._artifacts)

    def __iter__(self) -> Iterator[ToolArtifact]:
        return iter(tuple(self._artifacts.values()))

    def __contains__(self, uri: object) -> bool:
        return uri in self._artifacts

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArtifactStore):
            return NotImplemented
        return list(self) == list(other) and self._extra == other._extra

    def __repr__(self) -> str:
        return f"ArtifactStore({len(self)} artifacts)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        file = handler.generate_schema(ArtifactsFile)
        return core_schema.no_info_wrap_validator_function(
            cls._read,
            file,
            serialization=core_schema.plain_serializer_function_ser_schema(cls._to_file, return_schema=file),
        )

    @classmethod
    def _read(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        if isinstance(value, cls):
            return value
        file: ArtifactsFile = handler(value)
        store = cls()
        for artifact in file.artifacts:
            store.put(artifact)
        store._extra = file.__pydantic_extra__ or {}
        return store

    def _to_file(self) -> ArtifactsFile:
        return ArtifactsFile.model_construct(artifacts=list(self), **self._extra)
