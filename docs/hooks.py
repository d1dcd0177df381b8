"""Make the links of the README right where it is a page of the documentation."""

from __future__ import annotations

from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor


class _Links(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Write links as from the directory of the pages."""
        return [line.replace("](docs/", "](").replace("](CHANGELOG.md)", "](changelog.md)") for line in lines]


class _FromRoot(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Markdown's
        """Run after the snippets (priority 32) and before all else."""
        md.preprocessors.register(_Links(md), "links-from-root", 31)


def on_config(config: Any) -> Any:
    """Add the extension; a name in mkdocs.yml would have to be importable."""
    config["markdown_extensions"].append(_FromRoot())
    return config
