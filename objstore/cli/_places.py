"""Which store a command is about: the URL, how the storage behind it is reached, and opening it."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

from .. import store as face
from .._engine.observing import Observer
from ..errors import NotFoundError
from ..store import SessionStore
from ._problems import UsageError, scrub
from ._text import since

_LOCAL = ("file", "local", "memory")
_S3 = ("s3", "s3a")
_NO_USER = (*_S3, "gs", "gcs")
_AZURE = ("az", "abfs", "abfss")


class LayoutOption(StrEnum):
    """The layouts, as words on a command line."""

    LOG = "log"
    TREE = "tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The options that all commands have in common. Holds secrets, and is not shown."""

    url: Annotated[
        str | None,
        typer.Option("--url", envvar="OBJSTORE_URL", metavar="URL", help="The store, instead of the first argument."),
    ] = dataclasses.field(default=None, repr=False)
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="An option of the storage; a.b=1 is {'a': {'b': 1}}. May be given again.",
        ),
    ] = dataclasses.field(default=None, repr=False)
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="The endpoint of an S3 storage.")
    ] = dataclasses.field(default=None, repr=False)
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="NAME", help="The profile in the AWS configuration, for S3.")
    ] = None
    region: Annotated[str | None, typer.Option("--region", metavar="NAME", help="The region, for S3.")] = None
    layout: Annotated[
        LayoutOption | None, typer.Option("--layout", help="The layout of the store; by default what lies there.")
    ] = None
    single_writer: Annotated[
        bool, typer.Option("--single-writer", help="Nobody else writes: for storages without an atomic create.")
    ] = False

    def split(self, args: list[str] | None, *names: str, several: bool = False) -> tuple[str, list[str]]:
        """Tell the URL from the other arguments.

        Args:
            args: What was given.
            names: What the command needs besides the URL.
            several: Whether any number of arguments may follow.

        Raises:
            UsageError: Something is missing or too much; the message says what.
        """
        rest = list(args or ())
        if self.url is not None:
            url = self.url
        elif rest:
            url = rest.pop(0)
        else:
            raise UsageError("no store is named; give its URL as the first argument, or set OBJSTORE_URL")
        if len(rest) < len(names):
            hint = " after the URL; or set OBJSTORE_URL, and leave the URL out" if self.url is None else ""
            raise UsageError(f"{names[len(rest)]} is missing{hint}")
        if len(rest) > len(names) and not several:
            hint = "; --url or OBJSTORE_URL names the store, so leave the URL out" if self.url is not None else ""
            raise UsageError(f"unexpected argument {scrub(rest[len(names)])!r}{hint}")
        return url, rest

    def pair(self, args: list[str] | None, *, store_first: bool) -> tuple[str, str]:
        """Tell SOURCE from TARGET; where only one is given, the other is the store of ``--url`` or OBJSTORE_URL.

        Args:
            args: What was given.
            store_first: Whether that store is the source.

        Raises:
            UsageError: There are not two.
        """
        words = list(args or ())
        if len(words) == 1 and self.url is not None:
            words.insert(0 if store_first else 1, self.url)
        if len(words) != 2:
            raise UsageError("give SOURCE and TARGET, in this order; OBJSTORE_URL may stand for one of them")
        return words[0], words[1]

    def options_for(self, url: str, extra: list[str] | None = None) -> dict[str, Any] | None:
        """Make the storage_options for a URL.

        Raises:
            UsageError: An option is not of the form KEY=VALUE, or does not go with the URL.
        """
        options: dict[str, Any] = {}
        for text in [*(self.option or ()), *(extra or ())]:
            _put(options, text)
        given = {"endpoint_url": self.endpoint_url, "profile": self.profile, "client_kwargs.region_name": self.region}
        protocol = url.partition("://")[0] if "://" in url else "file"
        for name, value in given.items():
            if value is not None:
                if protocol not in _S3:
                    flag = "region" if "." in name else name.replace("_", "-")
                    raise UsageError(f"--{flag} goes with S3, not with {protocol}; leave it out, or use --option")
                _set(options, name.split("."), value)
        return options or None

    def open(
        self, url: str, *, layout: LayoutOption | None, options: dict[str, Any] | None, observer: Observer | None
    ) -> SessionStore:
        """Open a store; nothing is read yet.

        Raises:
            UsageError: The URL or an option makes no sense.
        """
        _refuse_user(url)
        try:
            return face.open(
                url,
                layout=layout.value if layout else None,
                storage_options=options,
                single_writer=self.single_writer,
                observer=observer,
            )
        except ValueError as error:
            raise UsageError(str(error)) from error

    @contextmanager
    def existing(self, url: str, observer: Observer | None = None) -> Iterator[SessionStore]:
        """Open a store that must be there.

        Raises:
            NotFoundError: Nothing lies there.
        """
        with self.open(url, layout=self.layout, options=self.options_for(url), observer=observer) as store:
            demand(store, url)
            yield store


def demand(store: SessionStore, url: str) -> None:
    """Make sure that a store lies at the place.

    Raises:
        NotFoundError: Nothing lies there: for a program that saves it would be a new store, for a person most often a
            mistyped URL.
    """
    opened = store._opened
    if opened.driver.run(opened.look()).layout is None:
        raise NotFoundError(f"there is no store at {scrub(url)}; look at the URL, or save a session there first")


def moment_of(option: str, text: str) -> datetime.datetime:
    """Read what an option says of a time, as an age or as a time.

    Raises:
        UsageError: It is neither; the message names the option.
    """
    try:
        return since(text, datetime.datetime.now(datetime.UTC))
    except (ValueError, OverflowError):
        raise UsageError(f"{option} takes an age such as 30d, 12h or 45m, or a time such as 2026-01-31") from None


def is_local(url: str) -> bool:
    """Say whether a URL is of this machine, which takes no storage options."""
    return "://" not in url or url.partition("://")[0] in _LOCAL


def with_storage(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Storage` on the command line, in the place of its parameter ``storage``."""
    hints = get_type_hints(Storage, include_extras=True)
    names = [field.name for field in dataclasses.fields(Storage)]
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(Storage)
    ]
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "storage"]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(storage=Storage(**{name: given.pop(name) for name in names}), **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _refuse_user(url: str) -> None:
    """Refuse secrets where the URL has no place for them: they would be taken for a bucket, and told to everybody."""
    protocol, _, rest = url.partition("://")
    bucket = rest.partition("/")[0]
    named = ":" in bucket and not bucket.startswith("arn:")
    if (protocol in _NO_USER and ("@" in bucket or named)) or (protocol in _AZURE and named):
        raise UsageError(
            f"a URL of {protocol} carries no user or password; give them by the environment, a profile or --option"
        )


def _put(options: dict[str, Any], text: str) -> None:
    name, separator, value = text.partition("=")
    if not separator or not all(name.split(".")):
        raise UsageError("an --option is not of the form KEY=VALUE; write for instance --option anon=true")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    _set(options, name.split("."), parsed)


def _set(options: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for name in parents:
        options = options.setdefault(name, {})
        if not isinstance(options, dict):
            raise UsageError(f"--option {'.'.join(path)} goes into {name}, which was given another value")
    options[last] = value
