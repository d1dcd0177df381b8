"""What becomes of errors: one line on stderr, an exit code, and no traceback."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import (
    BackendError,
    ConflictError,
    FormatError,
    IntegrityError,
    InvalidIdError,
    InvalidValueError,
    NotFoundError,
    ObjstoreError,
    OutcomeUnknownError,
    UnsupportedBackendError,
    UnsupportedError,
)
from ._output import discard
from ._text import shown

# Newer releases of typer bring their own click along; this is how to reach its class in both kinds.
_BadUsage: type[Any] = typer.BadParameter.__mro__[1]

_USER_IN_URL = re.compile(r"://(?:[^\s'\"@]*:[^\s'\"]*|[^\s'\"/@]+)@")
_CONTAINER_IN_URL = re.compile(r"\b(?:abfss?|az|wasbs?)://[^\s'\"/@:]+@")


class Code(IntEnum):
    """The exit codes; docs/cli.md says what each means."""

    OK = 0
    FOUND = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    DAMAGED = 5
    STORAGE = 6
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


_CODES: tuple[tuple[type[ObjstoreError], Code], ...] = (
    (NotFoundError, Code.NOT_FOUND),
    (ConflictError, Code.CONFLICT),
    (IntegrityError, Code.DAMAGED),
    (FormatError, Code.DAMAGED),
    (InvalidIdError, Code.USAGE),
    (InvalidValueError, Code.USAGE),
    (UnsupportedError, Code.USAGE),
    (OutcomeUnknownError, Code.STORAGE),
    (UnsupportedBackendError, Code.STORAGE),
    (BackendError, Code.STORAGE),
)


class UsageError(Exception):
    """The command was not given what it needs; the message says what to write."""


def code_of(error: ObjstoreError) -> Code:
    """Give the exit code for an error of the library."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Code.STORAGE)


def scrub(text: str) -> str:
    """Take user and password out of the URLs in a text; the container before an account of Azure is no secret."""

    def hidden(match: re.Match[str]) -> str:
        return match[0] if _CONTAINER_IN_URL.search(text, max(0, match.start() - 6), match.end()) else "://***@"

    return _USER_IN_URL.sub(hidden, text)


def complain(message: str) -> None:
    """Write one line on stderr."""
    if sys.stderr is None:  # it is closed, and print would take stdout instead
        return
    try:
        print(f"objstore: {shown(scrub(' '.join(message.split())))}", file=sys.stderr)  # noqa: T201 - its job
    except OSError:  # it is full, say; the exit code still tells
        discard(sys.stderr)


def end_with(code: Code) -> None:
    """End the command, unless all is well."""
    if code:
        raise typer.Exit(code)


class _Printing:
    """Lets what click prints by itself, the help, end as what the commands print does where nobody takes it."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments, `--help` and `--version` among them, which are answered here."""
        try:
            return super().make_context(*args, **kwargs)  # type: ignore[misc] # of the class it is mixed into
        except OSError as error:
            error.filename = "standard output"
            discard(sys.stdout)
            raise typer.Exit(_explained(error)) from None


class Group(_Printing, TyperGroup):
    """The command, with errors as this module wants them instead of as click prints them."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,  # noqa: ARG002 - `python -m objstore` is called objstore too
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002, ARG002 - the signature is click's
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,
    ) -> Any:
        """Run, and end the process with an exit code."""
        if sys.stdout is None:
            complain("standard output is closed; send it to /dev/null where nobody is to read it")
            sys.exit(Code.STORAGE)
        words = [*(sys.argv[1:] if args is None else args)]
        try:
            code = super().main(words or ["--help"], "objstore", complete_var, False, windows_expand_args, **extra)  # noqa: FBT003
        except _BadUsage as error:
            path = error.ctx.command_path if error.ctx else "objstore"
            complain(f"{error.format_message().rstrip('.')}; see {path} --help")
            sys.exit(Code.USAGE)
        except typer.Abort:  # the end of the input where an answer was asked for, or an early interrupt
            complain("stopped")
            sys.exit(Code.INTERRUPTED)
        sys.exit(code or Code.OK)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for, and turn what it raises into an exit code."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shall be found out here, and not while the interpreter ends
        except (typer.Exit, typer.Abort, _BadUsage):
            raise
        except BaseException as error:
            raise typer.Exit(_explained(error)) from None


class Command(_Printing, TyperCommand):
    """One command, whose usage line names its arguments as they are meant; click takes all for one list of words."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        """Give the words behind the name of the command."""
        return ["[OPTIONS]", *(str(p.metavar) for p in self.params if p.param_type_name == "argument")]


def _explained(error: BaseException) -> Code:
    match error:
        case BrokenPipeError():
            discard(sys.stdout)
            return Code.BROKEN_PIPE
        case KeyboardInterrupt():
            complain("interrupted; what was reported as done is done, and the same command may be given again")
            return Code.INTERRUPTED
        case UsageError():
            complain(str(error))
            return Code.USAGE
        case ObjstoreError():
            complain(str(error))
            return code_of(error)
        case OSError():  # the library has errors of its own, so this is about a file that was named here
            complain(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}; choose another")
            return Code.STORAGE
        case Exception():
            complain(f"this is a bug: {type(error).__name__} at {_place(error)}; please report it")
            return Code.BUG
        case _:
            raise error


def _place(error: BaseException) -> str:
    """Say where an error comes from; its text may hold contents, so it is not shown."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "an unknown place"
