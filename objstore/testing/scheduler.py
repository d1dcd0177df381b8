"""Disasters, played out against the real protocols: readers, writers and collectors of sessions, interleaved.

    python -m objstore.testing.scheduler --seed 7 [--damage] [--ablation NAME]

prints how schedule 7 went, operation by operation. The same seed is the same schedule, as long as the code is the same.
The actors go through opened stores with their memories, which some of them share. In some schedules there are two
sessions, one of which is forked into the other. Between any two operations, and between two pages of a list, another
actor may run; any actor may crash or stall for good or for days; an answer may be lost, a request land long after its
sender gave it up, or land twice; clocks jump, and those of a machine that sleeps do not. With damage, newest commits go
bad as well, and are set aside. An oracle (`objstore.testing.oracle`) watches every byte that lands and everything that
an actor is told.
"""

from __future__ import annotations

import argparse
import sys

from .ablations import ABLATIONS, ablated
from .schedule import RULES, Played, Schedule, Trace
from .world import Violation


def play(seed: int, ablation: str | None = None, trace: Trace | None = None, *, damage: bool = False) -> Played:
    """Play one schedule, with a rule of `ABLATIONS` taken away if one is named.

    Args:
        seed: Which one.
        ablation: The name of the rule, if any.
        trace: Is given a line for everything that happens.
        damage: Whether newest commits go bad on the way. It is another schedule then.

    Raises:
        Violation: A guarantee was broken. It, and whatever else is raised, carries the command that shows how.
    """
    with ablated(ablation) as change:
        try:
            return Schedule(seed, change(RULES), trace, damage=damage).play()
        except Exception as error:
            without = (" --damage" if damage else "") + (f" --ablation {ablation}" if ablation else "")
            error.add_note(f"replay: python -m objstore.testing.scheduler --seed {seed}{without}")
            raise


def main(arguments: list[str] | None = None) -> int:
    """Show how a schedule goes; 1 when it breaks a guarantee."""
    parser = argparse.ArgumentParser("python -m objstore.testing.scheduler", description="Show how a schedule goes.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--damage", action="store_true", help="let newest commits go bad")
    parser.add_argument("--ablation", choices=sorted(ABLATIONS), help="the rule to take away")
    chosen = parser.parse_args(arguments)
    try:
        played = play(chosen.seed, chosen.ablation, print, damage=chosen.damage)
    except Violation as violation:
        print(f"violation of {violation}")  # noqa: T201
        return 1
    print(f"nothing broke in {played.steps} operations: {dict(sorted(played.counts.items()))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
