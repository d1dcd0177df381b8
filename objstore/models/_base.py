"""What all models have in common: how they are read, written, compared and kept strict."""

# Annotations are evaluated here: pydantic 2.12 looks up that of the unknown fields in the module of each subclass.
import math
import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import StrEnum
from itertools import repeat
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Self, TypeAlias, TypeVar, get_args, overload

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PlainSerializer,
    SerializationInfo,
    SerializerFunctionWrapHandler,
)
from pydantic_core import CoreSchema, core_schema

from ._numbers import round_f32

T = TypeVar("T")
C = TypeVar("C")
V = TypeVar("V")

_ANY_TYPE: Final = "unknown"
_MAX_DEPTH: Final = 200  # the deepest value that any layout stores; it also ends the walk through a cycle


class Wire:
    """The context of a dump for a file of the seed; without it a dump is a plain JSON document."""


class Sliced:
    """The context of a dump that leaves the lists of some models to be written slice by slice."""

    def __init__(self, writers: Mapping[type, Callable[[list[Any]], list[Any]]]) -> None:
        self.writers: Final = writers


class Unwritten:
    """A list of models that such a dump left, to be written slice by slice."""

    __slots__ = ("_items", "write")

    def __init__(self, items: list[Any], write: Callable[[list[Any]], list[Any]]) -> None:
        self._items = items
        self.write = write

    def __len__(self) -> int:
        return len(self._items)

    def models(self, part: slice) -> list[Any]:
        """Give the models of a slice, as they are."""
        return self._items[part]


class Single(float):
    """A number that is single precision on the wire; only a dump with `Wire` as its context makes them."""

    __slots__ = ()


def copy_json(value: Any, depth: int = 0) -> Any:
    """Copy a JSON value, so that neither side sees what the other does to it later.

    Raises:
        ValueError: It is not JSON: a foreign type, a key that is no string, a NaN, or nested more than 200 deep.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if not math.isfinite(value):
            raise ValueError("NaN and infinity are not JSON")
        return value
    if depth >= _MAX_DEPTH:
        raise ValueError(f"nested more than {_MAX_DEPTH} deep")
    if kind is list:
        return [copy_json(item, depth + 1) for item in value]
    if isinstance(value, Repeated):  # a JSON value may name a key twice; the last one counts
        value = value.last
    elif kind is not dict:
        raise ValueError(f"{kind.__name__} is not a type of JSON")
    for key in value:
        if type(key) is not str:
            raise ValueError(f"a key is {type(key).__name__}, not str")
    return {key: copy_json(item, depth + 1) for key, item in value.items()}


class Repeated:
    """A JSON object that names a key twice: no model takes it, a free JSON value keeps the last one."""

    __slots__ = ("last",)

    def __init__(self, last: dict[str, Any]) -> None:
        self.last = last


def _dump_f32(value: float, info: SerializationInfo) -> float:
    return Single(value) if info.context is Wire else value


def _is_none(value: object) -> bool:
    return value is None


I32: TypeAlias = Annotated[int, Field(ge=-(2**31), lt=2**31)]
I64: TypeAlias = Annotated[int, Field(ge=-(2**63), lt=2**63)]
U32: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]
U64: TypeAlias = Annotated[int, Field(ge=0, lt=2**64)]
F32: TypeAlias = Annotated[float, AfterValidator(round_f32), PlainSerializer(_dump_f32)]

JSON: TypeAlias = Annotated[
    Any,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(copy_json),
        lambda _schema, _handler: {},
    ),
]
"""Any JSON value. It is copied when it is given to a model, and copied again when the model is dumped."""

OrAbsent: TypeAlias = Annotated[T | None, Field(exclude_if=_is_none)]
"""A key that is not written while there is nothing to write; a plain ``T | None`` is written as ``null``."""

UnlessEmpty: TypeAlias = Annotated[T, Field(exclude_if=operator.not_)]
"""A list that is not written while it is empty."""

Named: TypeAlias = Annotated[T, Field(strict=False), PlainSerializer(str.__str__)]
"""An enum that is read by its exact spelling and written as plain text."""


class ByType:
    """Marks a union of models to be told apart by their ``type``; the one of any type takes what no other does."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Hashable, CoreSchema] = {}
        for variant in get_args(source):
            field = variant.model_fields["type"]
            choices[_ANY_TYPE if field.is_required() else field.default] = handler.generate_schema(variant)
        known = frozenset(choices)

        def choose(value: Any) -> Hashable:
            kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
            return kind if isinstance(kind, str) and kind in known else _ANY_TYPE

        return core_schema.tagged_union_schema(choices, choose)


def check_each(items: Sequence[Any], model: type[BaseModel]) -> None:
    """Refuse a list of models that something else stands in.

    Raises:
        TypeError: An item is no such model.
    """
    if not all(map(isinstance, items, repeat(model))):
        wrong = next(item for item in items if not isinstance(item, model))
        raise TypeError(f"{type(wrong).__name__} stands in a list of {model.__name__}")


class Each:
    """Marks a list of models of one class, to be written only if every item is of it.

    Without it pydantic writes a model of another class without a word, and the session could not be read again.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (model,) = get_args(source)

        def check(items: list[Any], write: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
            slices = info.context.writers.get(model) if isinstance(info.context, Sliced) else None
            if slices and type(items) is list:
                return Unwritten(items, slices)
            check_each(items, model)
            return write(items)

        writer = core_schema.wrap_serializer_function_ser_schema(check, schema=handler(source), info_arg=True)
        return core_schema.list_schema(handler.generate_schema(model), strict=True, serialization=writer)


ListOf: TypeAlias = Annotated[list[T], Each()]
"""A list of models."""


class WireEnum(StrEnum):
    """An enum of the seed; its members equal their spelling on the wire."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # serde takes {"Active": null} for "Active" as well.
        if isinstance(value, dict) and len(value) == 1:
            ((name, content),) = value.items()
            if content is None and isinstance(name, str):
                return cls._value2member_map_.get(name)  # type: ignore[return-value]
        return None


class Model(BaseModel):
    """A type of the seed.

    It is as strict as the seed about the fields it knows: no number for a string, no ``1.0`` for an integer, no
    missing key. What it does not know it keeps and writes back behind the known fields. Errors do not show the input.
    Dumps use the names of the wire.
    """

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        serialize_by_alias=True,
        validate_assignment=True,
        validate_by_alias=True,
        validate_by_name=True,
    )
    if not TYPE_CHECKING:  # a type checker would take it for an argument of the constructor
        __pydantic_extra__: dict[str, JSON]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Refuse a subclass of a type of the seed whose new fields a save would leave out without a word.

        Raises:
            TypeError: It has such.
        """
        seed = next((base for base in cls.__mro__[1:] if issubclass(base, Model) and base.model_fields), None)
        known = seed.model_fields if seed else cls.model_fields
        lost = [name for name, field in cls.model_fields.items() if name not in known and not field.exclude]
        if seed and lost:
            raise TypeError(
                f"{cls.__name__} adds {' and '.join(lost)} to {seed.__name__}, which no store would write; set it on "
                "an instance without declaring it, as any unknown field, or make it a private attribute"
            )


class GuardedModel(Model):
    """A model with fields that never leave the process: neither on the wire nor in a pickle."""

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        kept_back = {name: field.default for name, field in type(self).model_fields.items() if field.exclude}
        return {**state, "__dict__": {**state["__dict__"], **kept_back}}


if TYPE_CHECKING:

    class Twin(Generic[C, V]):
        """A name that is a constructor on the class and a field of type `V` on an instance."""

        @overload
        def __get__(self, instance: None, owner: type) -> C: ...
        @overload
        def __get__(self, instance: object, owner: type) -> V: ...
        def __get__(self, instance: object | None, owner: type) -> Any: ...
        def __set__(self, instance: object, value: V) -> None: ...


def constructor(model: type[Model], name: str) -> Callable[[Callable[..., Any]], None]:
    """Give `model` a constructor with the name of one of its fields.

    The seed has both (``VerificationCheck::required(...)`` and ``check.required``). On an instance the field is found
    first, since a class method is no data descriptor.
    """

    def install(function: Callable[..., Any]) -> None:
        setattr(model, name, classmethod(function))

    return install


def refuse_both(data: object, name: str, alias: str) -> None:
    """Refuse an object that has a field under both of its names.

    Raises:
        ValueError: It has.
    """
    if isinstance(data, dict) and name in data and alias in data:
        raise ValueError(f"{name!r} and {alias!r} are the same field")
