"""Classes of values that a call makes many of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a dataclass that is frozen for the type checker only.

    One that refuses to be changed while it runs sets its own fields by a call for each, which takes most of the time
    that it takes to make one.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
