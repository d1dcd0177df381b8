"""An oracle that knows what really happened to one session in a storage.

The oracle sees every byte land and nothing else. From the bytes it follows the true chain of commits, builds the state
of each by means of its own, and complains the moment a guarantee of the log layout is broken:

A. an acknowledged save stays on the chain; no two are acknowledged on one base, none undoes what it has not seen;
B. the commits from the floor to the head and every object that they name are there;
C. a reader is only ever given what was committed;
D. nobody who starts later sees less, and a save lands above all that was there when it began;
E. a quiet storage holds no garbage.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._format import canonical, naming, patching
from .._format.canonical import JSON
from .._format.commit import Commit, decode
from .._format.refs import Ref
from .._format.state import opened
from .._log.base import Base, Rules
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
        grows: A part that no commit but a tombstone may do anything to but add items to its end, each one only once.
    """

    def __init__(self, id: str, rules: Rules, storage: Storage, grows: str) -> None:
        self.id = id
        self.key = naming.session_key(id)
        self.chain: list[Link] = [Link(0, None, None, None, {}, b"")]
        self.counts: Counter[str] = Counter()
        self.damaged: set[int] = set()
        self._rules = rules
        self._storage = storage
        self._grows = grows
        self._log = naming.log_root(self.key)
        self._live: set[str] = set()
        self._raw: dict[str, bytes] = {}
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
        self._storage.remove(key)

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
            seq, commit.digest, commit, self._state(commit, head, objects), objects, data,
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
        buried = link.state is None and (below.seq == 0 or swept or any(self.chain[n].state is None for n in passed))
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

    # What a commit means, read without the reader's code

    def _state(self, commit: Commit, head: Link, objects: Mapping[str, tuple[int, int]]) -> dict[str, JSON] | None:
        def raw(name: str) -> bytes:
            if name not in objects:
                raise Violation("B", f"commit {commit.seq} names {name[:8]}, which its table lacks")
            if name not in self._raw:
                data = self._storage.objects[naming.object_key(self.key, objects[name][0], name)]
                self._raw[name] = opened(name, data, objects[name][1])
            return self._raw[name]

        def value(encoded: Any) -> JSON:
            if isinstance(encoded, list):
                return items(encoded)
            if not isinstance(encoded, dict):
                found: JSON = encoded
                return found
            if "=" in encoded:
                return raw(encoded["="]).decode()
            if "=bytes" in encoded:
                return raw(encoded["=bytes"])
            return {plain_key(key): value(member) for key, member in encoded.items()}

        def items(encoded: list[Any]) -> list[JSON]:
            found: list[JSON] = []
            for item in encoded:
                if isinstance(item, dict) and "=list" in item:
                    self.counts["leaves"] += 1
                    found += items(canonical.loads(raw(item["=list"])))  # type: ignore[arg-type]
                else:
                    found.append(value(item))
            return found

        def plain_key(key: str) -> str:
            return key.removeprefix("=")

        if commit.kind == "delete":
            return None
        body: Any = commit.body
        if commit.whole:
            body = value(body)
        else:
            below = dict(self._rules.empty) if head.state is None else head.state
            body = patching.apply(patching.map_values(body, value, items, plain_key), below)
        state: dict[str, JSON] = body
        return state

    def plain(self, value: Any) -> Any:
        """Put the contents of references in their place, whether or not they have been read."""
        if isinstance(value, Ref):
            raw = self._raw[value.name]
            contents = raw.decode() if value.kind == "text" else raw
            if value.value is not None and value.value != contents:
                raise Violation("C", f"object {value.name[:8]} was read as something else")
            return contents
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            return {key: self.plain(member) for key, member in value.items()}
        return value

    # What actors are told

    def committed(self, base: Base) -> Link:
        """Check that a base that an actor was given is a commit of the true chain, and give that."""
        if base.seq > self.head.seq or self.chain[base.seq].digest != base.digest:
            raise Violation("C", f"an actor believes in a commit {base.seq} that is not on the chain")
        link = self.chain[base.seq]
        if (link.epoch, link.floor, link.born) != (base.epoch, base.floor, base.born):
            raise Violation("C", f"an actor misread the header of commit {base.seq}")
        if not canonical.same(self.plain(base.state), link.state):
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
        self.counts["acknowledged"] += 1
        empty = dict(self._rules.empty)
        before, after = self.chain[base.seq - 1].state, link.state
        return (empty if before is None else before), (empty if after is None else after)

    def answered(self, seq: int, key: str) -> None:
        """Check that a save that was not repeated had really been done under its idempotency key."""
        if seq not in (self._answered.get(key), self._passed_over.get(key)):
            raise Violation("A", f"the key {key!r} was answered with commit {seq}, which did not apply it")
        self.counts["answered"] += 1

    def broken_between(self, first: int, last: int) -> bool:
        """Say whether a tombstone, or the mend of a damaged commit, stands between two commits of the chain."""
        between = self.chain[first + 1 : last]
        return any(link.state is None or (link.commit and link.commit.over) for link in between)

    # The end

    def garbage(self) -> list[str]:
        """Name what lies in the storage that no retained commit needs. What they do need must be there.

        Raises:
            Violation: Something retained is missing or another than it was.
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
        return sorted(set(self._storage.objects) - set(good) - self._live)


def _short(epoch: int, name: str) -> str:
    return f"objects/{epoch}/{name[:8]}"
