"""From models to JSON documents and back: the five parts of a session as the layouts store them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from ..errors import InvalidValueError
from ._base import ListOf, Model, Sliced, Wire, check_each
from .artifacts import ArtifactStore, ToolArtifact
from .messages import Message
from .runs import RunEventRecord, RunRecord
from .session import SessionData
from .trace import TraceEvent
from .verification import VerificationReport

T = TypeVar("T")

_NOT_OF_THE_VALUE: Final = (MemoryError, ImportError)  # the latter comes when Python is ending
_FIELD: Final = re.compile(r"field_name='(\w+)'")
_LISTED: Final = ConfigDict(hide_input_in_errors=True)
_LATER: Final = ConfigDict(hide_input_in_errors=True, defer_build=True)

SESSION: Final = TypeAdapter(SessionData)
ARTIFACTS: Final = TypeAdapter(ArtifactStore)
MESSAGES: Final[TypeAdapter[list[Message]]] = TypeAdapter(ListOf[Message], config=_LISTED)
TOOL_ARTIFACTS: Final[TypeAdapter[list[ToolArtifact]]] = TypeAdapter(ListOf[ToolArtifact], config=_LISTED)
TRACE_EVENTS: Final[TypeAdapter[list[TraceEvent]]] = TypeAdapter(ListOf[TraceEvent], config=_LISTED)
RUN_RECORDS: Final = TypeAdapter(ListOf[RunRecord], config=_LISTED)
VERIFICATION_REPORTS: Final = TypeAdapter(ListOf[VerificationReport], config=_LISTED)


def from_document(part: TypeAdapter[T], document: Any) -> T:
    """Read a part from its JSON document.

    Args:
        part: Which part: `SESSION`, `ARTIFACTS`, `TRACE_EVENTS`, `RUN_RECORDS` or `VERIFICATION_REPORTS`.
        document: Plain dicts, lists, strings and numbers. Nothing of it is shared with the result.

    Raises:
        pydantic.ValidationError: It is not such a part. The message shows no contents.
    """
    return part.validate_python(document, by_alias=True, by_name=False)


def to_document(part: TypeAdapter[T], value: T, *, wire: bool = False, sliced: bool = False) -> Any:
    """Write a part as a JSON document of plain dicts, lists, strings and numbers.

    Nothing of the document is shared with `value`, unless it is to be sliced.

    Args:
        part: Which part, as for `from_document`.
        value: What to write.
        wire: Make a `Single` of each number that is single precision on the seed's wire.
        sliced: Leave lists that may be long as `Unwritten`.

    Raises:
        InvalidValueError: A model holds what it would not have taken, because a list in it was changed in place. The
            message carries no contents. (Free JSON values are for the layouts to check; they write them.)
    """
    # pydantic's error shows the value, so ours is raised where it is no longer the context.
    context = Wire if wire else _SLICED if sliced else None
    write = partial(part.dump_python, value, by_alias=True, warnings="error", context=context)
    cause: BaseException | None = None
    try:
        return write()
    except PydanticSerializationError as error:
        field, cause = _FIELD.search(str(error)), error.__cause__
        problem = str(cause or f"{field[1] if field else 'a value'} holds a value of a foreign type")
    except (AttributeError, TypeError):
        problem = f"{type(value).__name__} is not what belongs here"
    _pass_interrupts_on(cause, write)
    raise InvalidValueError(problem)


def _pass_interrupts_on(cause: BaseException | None, write: Callable[[], object]) -> None:
    """Raise what the handler of a signal has raised in a function that pydantic called, or what is not of the value.

    pydantic takes it for a failure of that function, and of one that tells types apart it keeps nothing: whatever that
    was, it is passed on as a `KeyboardInterrupt`. Such a failure does not come a second time.
    """
    if cause is None or (isinstance(cause, Exception) and not isinstance(cause, _NOT_OF_THE_VALUE)):
        try:
            write()
        except (PydanticSerializationError, AttributeError, TypeError):
            return
    raise cause or KeyboardInterrupt


def unreadable(part: TypeAdapter[Any], document: Any) -> str:
    """Say why `from_document` would not read a document, without contents; nothing if it would."""
    try:
        from_document(part, document)
    except ValidationError as error:
        return describe(error)
    return ""


def describe(error: ValidationError) -> str:
    """Name the place and the kind of the first problem, without contents."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    place = ".".join(str(step) for step in first["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{place or 'the document'}: {first['msg']}{more}"


def _slices_of(model: type[Model]) -> Callable[[list[Any]], list[Any]]:
    adapter: TypeAdapter[list[Any]] = TypeAdapter(list[model], config=_LATER)  # type: ignore[valid-type]

    def write(items: list[Any]) -> list[Any]:
        try:
            check_each(items, model)
        except TypeError as error:
            raise InvalidValueError(str(error)) from None
        written: list[Any] = to_document(adapter, items, sliced=True)
        return written

    return write


_SLICED: Final = Sliced({model: _slices_of(model) for model in (Message, TraceEvent, RunRecord, RunEventRecord)})
