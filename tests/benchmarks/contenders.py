"""All rows, in the order of the tables."""

from __future__ import annotations

from .adapter import Contender
from .floors import FLOORS
from .ours import OURS
from .peers import PEERS

CONTENDERS: dict[str, Contender] = {each.name: each for each in [*FLOORS, *OURS, *PEERS]}
