"""The command ``objstore``: a thin layer that parses, calls the face, and prints (docs/cli.md)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from ._branch import diff, fork
from ._cat import cat
from ._health import check, repair, verify
from ._move import copy, export, import_
from ._output import write
from ._places import with_storage
from ._problems import Command, Group
from ._read import log, ls, show
from ._space import collect, du, prune
from ._write import restore, rm

app = typer.Typer(cls=Group, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_COMMANDS: dict[str, Callable[..., None]] = {
    "ls": ls,
    "show": show,
    "log": log,
    "diff": diff,
    "cat": cat,
    "copy": copy,
    "import": import_,
    "export": export,
    "fork": fork,
    "restore": restore,
    "rm": rm,
    "prune": prune,
    "collect": collect,
    "verify": verify,
    "repair": repair,
    "du": du,
    "check": check,
}

for _name, _command in _COMMANDS.items():
    app.command(_name, cls=Command)(with_storage(_command))


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the signature is typer's
    if wanted:
        write(f"objstore {version('objstore')}\n")
        raise typer.Exit


@app.callback()
def _objstore(
    version: Annotated[  # noqa: FBT002 - the signature is typer's
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Look into, check, copy and mend stores of agents' sessions.

    URL is a path, or a URL such as s3://bucket/agents. Set OBJSTORE_URL to leave it out. An ID that begins with a dash
    goes behind --.
    """


def main() -> None:
    """Run the command."""
    app()
