"""Run the benchmarks and print their tables: ``python -m tests.benchmarks``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .contenders import CONTENDERS
from .publish import publish
from .report import tables
from .run import Setting, run

_SLOW_SESSIONS = 20


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--turns", type=int, default=500, help="of the one session (default: 500)")
    parser.add_argument("--slow-turns", type=int, default=100, help="where requests take longer (default: 100)")
    parser.add_argument("--sessions", type=int, default=200, help="of the many sessions; 0 for none (default: 200)")
    parser.add_argument("--latency", type=float, default=25.0, help="added to each request, in ms (default: 25)")
    parser.add_argument("--places", default="local,s3,slow", help="some of local,s3,slow (default: all)")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions of each row (default: 3)")
    parser.add_argument("--only", default="", help="rows whose name contains one of these, with commas between")
    parser.add_argument("--patience", type=float, default=180.0, help="seconds for one repetition (default: 180)")
    parser.add_argument("--publish", type=Path, metavar="DOCS", help="put tables and plots into DOCS/performance.md")
    parser.add_argument("--directory", type=Path, help="where to make temporary directories, on the disk to measure")
    asked = parser.parse_args()
    if min(asked.turns, asked.slow_turns) < 2 or asked.repeats < 1 or asked.sessions == 1:
        parser.error("there must be a repetition, and two turns and two sessions, since the first of them connects")
    return asked


def main() -> None:
    """Do as the command line says."""
    asked = _arguments()
    wanted = [word for word in asked.only.split(",") if word]
    chosen = [each for each in CONTENDERS.values() if not wanted or any(word in each.name for word in wanted)]
    for place, setting in _settings(asked).items():
        rows = run(
            [each for each in chosen if each.installed and (each.s3 if setting.s3 else each.local)],
            setting,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        print(tables(setting, rows), flush=True)
        if asked.publish:
            words = [word for word in sys.argv[1:] if word not in ("--publish", str(asked.publish))]
            publish(asked.publish, place, setting, rows, " ".join(["python -m tests.benchmarks", *words]))
    for each in chosen:
        if not each.installed:
            print(f"Left out: {each.name} (pip install {each.install})")


def _settings(asked: argparse.Namespace) -> dict[str, Setting]:
    def setting(title: str, *, s3: bool, turns: int, latency: float = 0.0, sessions: int = 0) -> Setting:
        return Setting(title, s3, latency, turns, sessions, asked.repeats, asked.patience, asked.directory)

    settings = {
        "local": setting("Local disk", s3=False, turns=asked.turns, sessions=asked.sessions),
        "s3": setting("S3", s3=True, turns=asked.turns, sessions=asked.sessions),
        "slow": setting(
            f"S3, {asked.latency:.0f} ms more a request",
            s3=True,
            turns=min(asked.turns, asked.slow_turns),
            latency=asked.latency / 1000,
            sessions=min(asked.sessions, _SLOW_SESSIONS),
        ),
    }
    return {place: settings[place] for place in asked.places.split(",")}


if __name__ == "__main__":
    main()
