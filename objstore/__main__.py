"""``python -m objstore`` is the command ``objstore``."""

from .cli import main

main()
