"""What really happened to one session in a storage: its true chain of commits, from the bytes as they land."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from .._format import canonical, naming
from .._format.canonical import JSON
from .._format.commit import Commit, decode
from .._log.base import Rules
from ..errors import IntegrityError
from .meaning import Meaning
from .world import Storage, Violation


@dataclass(frozen=True, slots=True)
class Link:
    """A commit of the true chain, with what is true there.

    Attributes:
        state: The whole state with the contents of all objects in it; ``None`` under a tombstone.
        objects: What the state may name: object -> (epoch, size).
        stored: The very bytes.
    """

    seq: int
    digest: str | None
    commit: Commit | None
    state: dict[str, JSON] | None
    objects: Mapping[str, tuple[int, int]]
    stored: bytes
    epoch: int = 0
    floor: int = 0
    born: int = 0


class Truth:
    """Follows the true chain of one session, and holds every mutation against it.

    Args:
        id: The session.
        grows: A part that no commit may do anything to but add items to its end, each one only once; a tombstone may,
            one that restores an older state, and one whose key a fork left behind.

    Attributes:
        chain: The true chain, from a place before the first commit on.
        counts: What happened.
        damaged: Numbers of commits that something happened to.
        restores: Whether anybody has set out to restore an older state.
        deletes: Whether anybody has set out to delete the session, whatever can be read of it.
    """

    def __init__(self, id: str, rules: Rules, storage: Storage, grows: str) -> None:
        self.id = id
        self.key = naming.session_key(id)
        self.chain: list[Link] = [Link(0, None, None, None, {}, b"")]
        self.counts: Counter[str] = Counter()
        self.damaged: set[int] = set()
        self.restores = False
        self.deletes = False
        self.meaning = Meaning(self.key, storage, rules.empty)
        self._rules = rules
        self._storage = storage
        self._grows = grows
        self._log = naming.log_root(self.key)
        self._live: set[str] = set()
        self._acknowledged_lives: set[int] = set()
        self._answered: dict[str, int] = {}
        self._forgotten: dict[str, int] = {}
        self._left_behind: set[str] = set()
        self._strays: dict[str, Link] = {}

    @property
    def head(self) -> Link:
        """The newest commit of the true chain."""
        return self.chain[-1]

    def create(self, key: str, data: bytes) -> None:
        """Let a create land, where nothing is yet."""
        self._storage.write(key, data)
        if key.startswith(self._log):
            self._landed(int(key[-10:]), data)

    def put(self, key: str, data: bytes) -> None:
        """Let a put land."""
        self._may_go(key)
        self._storage.write(key, data)

    def delete(self, key: str) -> None:
        """Let the deletion of one object land."""
        self._may_go(key)
        lives = self.head.born in self._acknowledged_lives
        if lives and key == naming.index_hint(self.key, self.head.born):
            raise Violation("D", f"hint {key} goes, though the session that began there lives")
        self._storage.remove(key)

    def copy(self, key: str, data: bytes) -> None:
        """Let a copy land, which may be over the very same bytes."""
        if self._storage.objects.get(key, data) != data:
            self._may_go(key)
        self._storage.write(key, data)

    def damage(self, data: bytes) -> None:
        """Let something happen to the newest commit."""
        self._storage.write(naming.log_key(self.key, self.head.seq), data)
        self.damaged.add(self.head.seq)
        self.counts["damaged"] += 1
        self._look_for_strays()

    @property
    def history_is_damaged(self) -> bool:
        """Whether a commit that should be retained is damaged."""
        return any(n >= self.head.floor for n in self.damaged)

    def _may_go(self, key: str) -> None:
        if key in self._live:
            raise Violation("B", f"object {key} goes, though a commit in {self.head.floor}..{self.head.seq} names it")
        if key.startswith(self._log) and int(key[-10:]) >= self.head.floor:
            raise Violation("B", f"commit {int(key[-10:])} goes, though the floor is {self.head.floor}")

    def _landed(self, seq: int, data: bytes) -> None:
        head = self.head
        if seq <= head.seq:
            self.counts["zombies"] += 1  # somebody slept until the number was free again; nobody may believe it
            self._look_for_strays()
            return
        commit = decode(data, naming.log_key(self.key, seq), self.id, seq)
        below = self._below(commit) if commit and commit.over else head
        if commit is None or seq != head.seq + 1 or commit.parent != below.digest:
            raise Violation("C", f"commit {seq} stands on something else than the head {head.seq}")
        objects = dict(commit.objects) if commit.whole else {**head.objects, **commit.objects}
        for name, (epoch, _) in commit.objects.items():
            if naming.object_key(self.key, epoch, name) not in self._storage.objects:
                raise Violation("B", f"commit {seq} ({commit.kind}) names {_short(epoch, name)}, which is not there")
        link = Link(
            seq, commit.digest, commit, self.meaning.state(commit, head.state, objects), objects, data,
            commit.epoch, commit.floor, commit.born,
        )  # fmt: skip
        self._check_header(below, link, commit)
        self._check_growth(below, link, commit)
        if commit.over:
            self._check_set_aside(below, link)
        self.chain.append(link)
        self._keep(head, link)

    def _below(self, commit: Commit) -> Link:
        """Find the commit whose state goes on where damaged ones are set aside."""
        below = self._strays.get(commit.parent or "")
        return below or next((link for link in reversed(self.chain) if link.digest == commit.parent), self.head)

    def _look_for_strays(self) -> None:
        """Note what stands at freed numbers where nothing true is left above it that would tell so."""
        for n in range(self.head.seq, 0, -1):
            stored = self._storage.objects.get(naming.log_key(self.key, n))
            if stored is None or stored == self.chain[n].stored:
                return
            with suppress(IntegrityError):
                if found := decode(stored, naming.log_key(self.key, n), self.id, n):
                    self._strays[found.digest] = Link(
                        n, found.digest, found, None, {}, stored, found.epoch, found.floor, found.born
                    )

    def strayed(self, seq: int, digest: str | None) -> bool:
        """Say whether nobody can tell that what was given as an older commit never counted; no digest: a tombstone."""
        return any(link.seq == seq and digest in (None, link.digest) for link in self._strays.values())

    def _check_set_aside(self, below: Link, link: Link) -> None:
        passed = range(below.seq + 1, link.seq)
        for n in passed:
            if n >= self.head.floor and self._is_whole_down(n):  # what is below may have gone
                raise Violation("A", f"commit {link.seq} passes over {n}, which can be read")
        stored = b"".join(self._storage.objects.get(naming.log_key(self.key, n), b"") for n in passed)
        assert link.commit
        changed = len(self.damaged.intersection(passed)) > 1 or any(  # of two damages only one may have been seen
            self._storage.objects.get(naming.log_key(self.key, n)) != self.chain[n].stored
            for n in passed
            if n < self.head.floor  # and what was deleted may be purged, or freed, while somebody reads it
        )
        if not passed or (not changed and hashlib.sha256(stored).hexdigest() != link.commit.over):
            raise Violation("C", f"commit {link.seq} passes over something else than it says")
        needs = (naming.object_key(self.key, epoch, name) for name, (epoch, _) in below.objects.items())
        swept = any(key not in self._storage.objects for key in needs)
        gone = self.deletes or below.seq == 0 or swept or any(self.chain[n].state is None for n in passed)
        buried = link.state is None and gone
        if not buried and below.digest not in self._strays and link.state != below.state:
            raise Violation("C", f"commit {link.seq} goes on from another state than that of {below.seq}")
        for key in [key for key, n in self._answered.items() if n in passed]:
            self._forgotten[key] = self._answered.pop(key)
        self.counts["set aside"] += 1

    def _is_whole_down(self, n: int) -> bool:
        while n not in self.damaged:
            if self._whole(n):
                return True
            n -= 1
        return False

    def _check_header(self, head: Link, link: Link, commit: Commit) -> None:
        seq = link.seq
        lives = self._rules.lives(link.state)
        right_born = 0 if not lives else seq if commit.over else head.born or seq
        if link.born != right_born:
            raise Violation("C", f"commit {seq} says born {link.born} where {right_born} is right")
        if link.floor > seq or (link.floor < seq and not self._whole(link.floor)):
            raise Violation("B", f"commit {seq} gives floor {link.floor}, where no whole state is")
        if commit.origin:
            if lives and self._rules.lives(head.state):
                raise Violation("A", f"commit {seq} is a fork on top of a session that lives")
            if commit.keys:
                raise Violation("A", f"commit {seq} is a fork, and brings keys that were never used here")
            self._forgotten |= self._answered  # who remembers an older head may still be answered
            self._answered.clear()
            self._left_behind |= self._forgotten.keys()  # and the state that is brought may hold what they applied
        for key in commit.keys:
            if key.digest is None and self._answered.setdefault(key.key, seq) != seq:
                raise Violation("A", f"the key {key.key!r} was applied at {self._answered[key.key]} and again at {seq}")

    def _whole(self, seq: int) -> bool:
        commit = self.chain[seq].commit
        return commit is not None and commit.whole

    def _check_growth(self, head: Link, link: Link, commit: Commit) -> None:
        if link.state is None:
            return
        old, new = ((s or {}).get(self._grows) or [] for s in (head.state, link.state))
        assert isinstance(old, list)
        assert isinstance(new, list)
        if self.restores and any(each.state == link.state for each in self.chain):
            return
        if new[: len(old)] != old:
            raise Violation("A", f"commit {link.seq} takes away items of {self._grows!r} that were saved before")
        if any(key.digest is None and key.key in self._left_behind for key in commit.keys):
            return  # a repeat, which nobody could tell any more
        added = [canonical.exact_bytes(item) for item in new[len(old) :]]
        if len({*added}) < len(added) or not {*added}.isdisjoint(map(canonical.exact_bytes, old)):
            raise Violation("A", f"commit {link.seq} adds an item to {self._grows!r} for the second time")

    def _keep(self, head: Link, link: Link) -> None:
        """Work out what must not go any more, and that it is all there."""
        news = self.chain[link.floor :] if link.floor != head.floor else [link]
        live = {
            naming.object_key(self.key, epoch, name)
            for each in news
            if each.commit
            for name, (epoch, _) in each.commit.objects.items()
        }
        self._live = live if link.floor != head.floor else self._live | live
        for key in live:
            if key not in self._storage.objects:
                raise Violation("B", f"commit {link.seq} retains {key}, which is not there")
        for n in range(max(1, link.floor), link.seq + 1):
            stored = self._storage.objects.get(naming.log_key(self.key, n))
            if n not in self.damaged and stored != self.chain[n].stored:
                raise Violation("B", f"commit {link.seq} retains commit {n}, which is not there")


def _short(epoch: int, name: str) -> str:
    return f"objects/{epoch}/{name[:8]}"
