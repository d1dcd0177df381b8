"""Oracles that know what really happened to the sessions in a storage.

An oracle sees every byte of its session land and nothing else. From the bytes it follows the true chain of commits,
builds the state of each by means of its own, and complains the moment a guarantee of the log layout is broken:

A. an acknowledged save stays on the chain; no two are acknowledged on one base, none undoes what it has not seen;
B. the commits from the floor to the head and every object that they name are there;
C. a reader is only ever given what was committed;
D. nobody who starts later sees less, a save lands above all that was there when it began, and lists the session;
E. a quiet storage holds no garbage.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .._format import canonical, naming
from .._format.canonical import JSON
from .._format.commit import Commit, decode
from .._log.base import Base, Rules
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


class Oracle:
    """Follows the true chain of one session, and holds every mutation and every answer against it.

    Args:
        id: The session.
        grows: A part that no commit may do anything to but add items to its end, each one only once; a tombstone may,
            and one that restores an older state.

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
        self._passed_over: dict[str, int] = {}

    @property
    def head(self) -> Link:
        """The newest commit of the true chain."""
        return self.chain[-1]

    # What lands

    def create(self, key: str, data: bytes) -> bool:
        """Let a create land, and say whether it was the first."""
        if key in self._storage.objects:
            return False
        self._storage.write(key, data)
        if key.startswith(self._log):
            self._landed(int(key[-10:]), data)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Let a put land."""
        self._may_go(key)
        self._storage.write(key, data)

    def delete(self, key: str) -> None:
        """Let the deletion of one object land."""
        self._may_go(key)
        lives = self.head.born in self._acknowledged_lives and not self.damaged  # a damaged tombstone has a tail, too
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
        self._check_growth(below, link)
        if commit.over:
            self._check_set_aside(below, link)
        self.chain.append(link)
        self._keep(head, link)

    def _below(self, commit: Commit) -> Link:
        """Find the commit whose state goes on where damaged ones are set aside."""
        return next((link for link in reversed(self.chain) if link.digest == commit.parent), self.head)

    def _check_set_aside(self, below: Link, link: Link) -> None:
        passed = range(below.seq + 1, link.seq)
        for n in passed:
            if n >= self.head.floor and self._is_whole_down(n):  # what is below may have gone
                raise Violation("A", f"commit {link.seq} passes over {n}, which can be read")
        stored = b"".join(self._storage.objects.get(naming.log_key(self.key, n), b"") for n in passed)
        assert link.commit
        read_between = len(self.damaged.intersection(passed)) > 1  # of two damages only one may have been seen
        if not passed or (not read_between and hashlib.sha256(stored).hexdigest() != link.commit.over):
            raise Violation("C", f"commit {link.seq} passes over something else than it says")
        needs = (naming.object_key(self.key, epoch, name) for name, (epoch, _) in below.objects.items())
        swept = any(key not in self._storage.objects for key in needs)
        gone = self.deletes or below.seq == 0 or swept or any(self.chain[n].state is None for n in passed)
        buried = link.state is None and gone
        if not buried and link.state != below.state:
            raise Violation("C", f"commit {link.seq} goes on from another state than that of {below.seq}")
        for key in [key for key, n in self._answered.items() if n in passed]:
            self._passed_over[key] = self._answered.pop(key)
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
        right_born = 0 if not lives else head.born if self._rules.lives(head.state) else seq
        if link.born != right_born:
            raise Violation("C", f"commit {seq} says born {link.born} where {right_born} is right")
        if link.floor > seq or (link.floor < seq and not self._whole(link.floor)):
            raise Violation("B", f"commit {seq} gives floor {link.floor}, where no whole state is")
        if commit.origin:
            if lives and self._rules.lives(head.state):
                raise Violation("A", f"commit {seq} is a fork on top of a session that lives")
            if commit.keys:
                raise Violation("A", f"commit {seq} is a fork, and brings keys that were never used here")
            self._answered.clear()
        for key in commit.keys:
            if key.digest is None and self._answered.setdefault(key.key, seq) != seq:
                raise Violation("A", f"the key {key.key!r} was applied at {self._answered[key.key]} and again at {seq}")

    def _whole(self, seq: int) -> bool:
        commit = self.chain[seq].commit
        return commit is not None and commit.whole

    def _check_growth(self, head: Link, link: Link) -> None:
        if link.state is None:
            return
        old, new = ((s or {}).get(self._grows) or [] for s in (head.state, link.state))
        assert isinstance(old, list)
        assert isinstance(new, list)
        if self.restores and any(each.state == link.state for each in self.chain):
            return
        if new[: len(old)] != old:
            raise Violation("A", f"commit {link.seq} takes away items of {self._grows!r} that were saved before")
        if len(new) > len(old) and len({canonical.exact_bytes(item) for item in new}) < len(new):
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

    # What actors are told

    def committed(self, base: Base) -> Link:
        """Check that a base that an actor was given is a commit of the true chain, and give that."""
        if base.seq > self.head.seq or self.chain[base.seq].digest != base.digest:
            raise Violation("C", f"an actor believes in a commit {base.seq} that is not on the chain")
        link = self.chain[base.seq]
        if (link.epoch, link.floor, link.born) != (base.epoch, base.floor, base.born):
            raise Violation("C", f"an actor misread the header of commit {base.seq}")
        if not canonical.same(self.meaning.plain(base.state), link.state):
            raise Violation("C", f"an actor was given a state of commit {base.seq} that was never committed")
        return link

    def observed(self, base: Base, mark: int) -> None:
        """Check what a reader was given as the head, who began when ``mark`` was the head."""
        self.committed(base)
        if base.seq < mark:
            raise Violation("D", f"a reader that began at head {mark} was given {base.seq} as the head")
        self.counts["reads"] += 1

    def acknowledged(self, base: Base, mark: int) -> tuple[dict[str, JSON], dict[str, JSON]]:
        """Check a save that was acknowledged; give the states before and after it."""
        if base.seq > self.head.seq or self.chain[base.seq].digest != base.digest:
            raise Violation("A", f"a save was acknowledged as commit {base.seq}, which is not on the chain")
        link = self.committed(base)
        if base.seq <= mark:
            raise Violation("D", f"a save that began at head {mark} was acknowledged as {base.seq}")
        if link.born and link.born == self.head.born:
            if naming.index_hint(self.key, link.born) not in self._storage.objects:
                raise Violation("D", f"commit {base.seq} was acknowledged, and the session is not listed")
            self._acknowledged_lives.add(link.born)
        self.counts["acknowledged"] += 1
        empty = dict(self._rules.empty)
        before, after = self.chain[base.seq - 1].state, link.state
        return (empty if before is None else before), (empty if after is None else after)

    def absent(self, mark: int) -> None:
        """Check that there was nothing at some time for a reader who was told so, and began when ``mark`` was head."""
        if all(link.state is not None for link in self.chain[mark:]):
            raise Violation("D", f"a reader that began at head {mark} found nothing, and there was always something")
        self.counts["reads"] += 1

    def is_answer(self, seq: int, key: str) -> bool:
        """Say whether a commit applied an idempotency key, so that a save with that is not repeated."""
        if seq not in (self._answered.get(key), self._passed_over.get(key)):
            return False
        self.counts["answered"] += 1
        return True

    def state_at(self, seq: int) -> Mapping[str, JSON]:
        """Give the true state at a commit, an empty one where there is none."""
        state = self.chain[seq].state
        return self._rules.empty if state is None else state

    def broken_between(self, first: int, last: int) -> bool:
        """Say whether a tombstone, or the mend of a damaged commit, stands between two commits of the chain."""
        between = self.chain[first + 1 : last]
        return any(link.state is None or (link.commit and link.commit.over) for link in between)

    # The end

    def needed(self) -> Iterable[str]:
        """Name what must be there when all is at rest.

        Raises:
            Violation: Something of it is missing or another than it was.
        """
        retained = [link for link in self.chain[self.head.floor :] if link.commit]
        good = {naming.log_key(self.key, link.seq): link.stored for link in retained}
        if self.head.born:
            good[naming.index_hint(self.key, self.head.born)] = b""
        hurt = {naming.log_key(self.key, n) for n in self.damaged}
        for key, stored in good.items():
            if key not in hurt and self._storage.objects.get(key) != stored:
                raise Violation("B", f"{key} is missing or another")
        for key in self._live:
            if key not in self._storage.objects:
                raise Violation("B", f"object {key} is missing")
        return [*good, *self._live]


class Oracles:
    """The oracles of all sessions of a store; each is told what happens to what is its session's."""

    def __init__(self, storage: Storage, oracles: Iterable[Oracle]) -> None:
        self._storage = storage
        self._by_key = {oracle.key: oracle for oracle in oracles}

    def __iter__(self) -> Iterator[Oracle]:
        return iter(self._by_key.values())

    def __getitem__(self, id: str) -> Oracle:
        return self._by_key[naming.session_key(id)]

    @property
    def counts(self) -> Counter[str]:
        """What happened to any of them."""
        return sum((oracle.counts for oracle in self), Counter())

    def create(self, key: str, data: bytes) -> bool:
        """Let a create land, and say whether it was the first."""
        if key in self._storage.objects:
            return False
        if (oracle := self._of(key)) is None:
            self._storage.write(key, data)
        else:
            oracle.create(key, data)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Let a put land."""
        self._its(key).put(key, data)

    def delete(self, key: str) -> None:
        """Let the deletion of one object land."""
        self._its(key).delete(key)

    def copy(self, source: str, target: str) -> bool:
        """Let a copy land, and say whether there was something to copy."""
        data = self._storage.objects.get(source)
        if data is not None:
            self._its(target).copy(target, data)
        return data is not None

    def garbage(self) -> list[str]:
        """Name what lies in the storage that nobody needs. What is needed must be there."""
        return sorted(set(self._storage.objects) - {naming.MARKER} - {key for each in self for key in each.needed()})

    def _its(self, key: str) -> Oracle:
        oracle = self._of(key)
        assert oracle is not None  # nobody has any business to change the marker
        return oracle

    def _of(self, key: str) -> Oracle | None:
        top, _, rest = key.partition("/")
        if f"{top}/" == naming.SESSIONS:
            return self._by_key[rest.partition("/")[0]]
        hint = naming.parse_hint(rest)
        return self._by_key[hint[0]] if hint else None


def _short(epoch: int, name: str) -> str:
    return f"objects/{epoch}/{name[:8]}"
