"""What a contender has to do, and where it does it."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Self

from .workload import Turn

KEY = {"key": "an-access-key", "secret": "a-secret-key"}
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Place:
    """A new, empty place.

    Attributes:
        root: A directory, or ``bucket/prefix``.
        endpoint: Of the S3 server; ``None`` for local disk.
        latency: Seconds that each request waits there.
    """

    root: str
    endpoint: str | None = None
    latency: float = 0.0

    @property
    def url(self) -> str:
        return f"s3://{self.root}" if self.endpoint else self.root

    @property
    def bucket(self) -> str:
        return self.root.partition("/")[0]

    @property
    def prefix(self) -> str:
        return self.root.partition("/")[2]

    def options(self) -> dict[str, Any]:
        """Give the storage_options of s3fs that lead there."""
        if self.endpoint is None:
            return {}
        return {**KEY, "endpoint_url": self.endpoint, "client_kwargs": {"region_name": REGION}}

    def boto(self) -> dict[str, Any]:
        """Give the arguments of a boto3 client."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": KEY["key"],
            "aws_secret_access_key": KEY["secret"],
        }

    def beside(self, name: str) -> Self:
        """Give a place of its own beside this one."""
        return replace(self, root=f"{self.root}-{name}")


class Adapter(abc.ABC):
    """One instance of a store at a place. A new one is a cold start: nothing is kept outside of it."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @abc.abstractmethod
    async def append(self, id: str, turn: Turn) -> None:
        """Add a turn to a session, the first of which makes it; it is stored when this returns."""

    @abc.abstractmethod
    async def load(self, id: str) -> tuple[int, int]:
        """Read a whole session and count its messages and their characters; see `workload.counted`."""

    async def list(self) -> list[str] | None:
        """Give the ids of all sessions; ``None`` where the library has no such call (`Contender.lists`)."""
        return None

    async def close(self) -> None:  # noqa: B027 - most hold nothing open
        """Let go of connections and files."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A row of the tables.

    Attributes:
        name: As it stands there.
        leaves_out: What it does not promise, of what objstore's log does.
        local: How to make it on local disk; ``None`` where it does not go.
        s3: The same on S3.
        lists: Whether it can list its sessions.
        heavy: Whether it writes everything anew each turn: it is measured apart from the others, and once.
        module: What must be installed.
        install: What installs that, by ``pip install``.
    """

    name: str
    leaves_out: str
    local: Callable[[Place], Adapter] | None = None
    s3: Callable[[Place], Adapter] | None = None
    lists: bool = True
    heavy: bool = False
    module: str = "objstore"
    install: str = "objstore"

    @property
    def installed(self) -> bool:
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:  # the package above it
            return False

    def make(self, place: Place) -> Adapter:
        made = self.s3 if place.endpoint else self.local
        assert made is not None
        return made(place)
