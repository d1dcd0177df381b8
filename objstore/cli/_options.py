"""The options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
At = Annotated[int | None, typer.Option("--at", min=1, metavar="N", help="Commit N instead of the newest.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
