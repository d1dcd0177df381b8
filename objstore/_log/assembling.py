"""Building the state that a chain of commits describes."""

from __future__ import annotations

from dataclasses import replace

from .._format import naming, patching
from .._format.canonical import JSON, is_cramped
from .._format.commit import FENCES, Commit, IdempotencyKey
from .._format.state import Decoder, Leaves
from ..errors import FormatError
from .base import Base
from .ops import Protocol
from .reading import read_leaves


def assemble(base: Base, chain: list[Commit], *, current: bool) -> Protocol[Base]:
    """Build the state that a chain of commits describes on top of ``base``, reading the leaves that it names."""
    state = base.state
    objects, present = dict(base.objects), dict(base.present)
    for commit in chain:
        objects = dict(commit.objects) if commit.whole else {**objects, **commit.objects}
        if commit.kind in FENCES:  # it raised the floor: what only commits below that name is being swept
            present.clear()
        present.update(commit.objects)
    last, weight = chain[-1], base.weight
    leaves = yield from read_leaves(base, chain, objects | present)
    decoder = Decoder(objects | present, leaves)
    for commit in chain:
        key = naming.log_key(base.key, commit.seq)
        try:
            weight = commit.length + (0 if commit.whole else weight)
            if commit.kind == "delete":
                state = None
            elif commit.whole:
                state = decoder.state(commit.body)
            else:
                state = _apply(decoder, commit, state)
        except patching.UnknownPatchError as error:
            raise FormatError(
                f"commit {key} changes the state in a way this objstore does not know; upgrade", key
            ) from error
        except (ValueError, KeyError, RecursionError) as error:
            if isinstance(error, RecursionError) and is_cramped():
                raise
            raise FormatError(f"commit {key} is whole, but its body is not of this format", key) from error
    return Base(
        base.id, base.key, last.seq, last.digest, last.kind, last.epoch, last.floor, last.born, _own_keys(last),
        state, objects, present, Leaves(leaves.values()), last.summary, last.time, base.observed if current else None,
        weight, base.hinted and last.born == base.born,
    )  # fmt: skip


def _apply(decoder: Decoder, commit: Commit, state: dict[str, JSON] | None) -> dict[str, JSON]:
    new = patching.apply(decoder.patch(commit.body), state, decoder.room)
    if not isinstance(new, dict):
        raise ValueError("a state is an object")
    return new


def _own_keys(commit: Commit) -> tuple[IdempotencyKey, ...]:
    return tuple(k if k.digest else replace(k, digest=commit.digest) for k in commit.keys)
