"""The places that can hold a store, behind one small contract (`objstore.backends.base`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Literal

from fsspec import AbstractFileSystem, available_protocols, get_filesystem_class
from fsspec.core import stringify_path
from fsspec.implementations.cached import CachingFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ..errors import UnsupportedBackendError, UnsupportedError
from ._target import Limits, Target
from .base import AsyncBackend, Backend, Capabilities
from .generic import GenericBackend
from .local import Durability, LocalBackend
from .memory import MemoryBackend
from .remote import RemoteBackend

__all__ = [
    "AsyncBackend",
    "Backend",
    "Capabilities",
    "GenericBackend",
    "LocalBackend",
    "MemoryBackend",
    "RemoteBackend",
    "open_backend",
]

_REMOTE = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "az", "abfs": "az", "abfss": "az"}
_PACKAGES = {"s3": ("s3fs", ""), "gcs": ("gcsfs", "[gcs]"), "az": ("adlfs", "[azure]")}


def open_backend(
    target: str | os.PathLike[str] | AbstractFileSystem | Backend | AsyncBackend,
    *,
    path: str | None = None,
    storage_options: Mapping[str, object] | None = None,
    durability: Literal["full", "none"] = "full",
    timeout: float = 30.0,
    retries: int = 4,
    concurrency: int = 32,
    client: Literal["fsspec", "obstore"] = "fsspec",
) -> Backend | AsyncBackend:
    """Find the backend for a place. Nothing is read, written or connected.

    Args:
        target: A URL, a path, or a filesystem of fsspec. Of a filesystem only its class and its options are used, to
            make one like it without caches. A backend of one's own is used as it is.
        path: The prefix of the store in the filesystem, and only there.
        storage_options: Handed to fsspec as they are; not for local disk and memory.
        durability: ``"none"`` skips flushing on local disk.
        timeout: Seconds without a byte after which a request to an object storage is lost.
        retries: How often such a request is sent again, at most.
        concurrency: How many connections are held open, at most.
        client: ``"obstore"`` reaches S3 through obstore, with the options translated.

    Raises:
        UnsupportedError: The target is not of a kind that can hold a store; the message says what would be. Or obstore
            knows no such target or option.
        UnsupportedBackendError: A package is missing; the message names it.
        ValueError: An option is out of range or of another type, or arguments contradict each other.
    """
    limits = Limits(timeout, retries, concurrency)
    if client not in ("fsspec", "obstore"):
        raise UnsupportedError(f"there is no client {client!r}; leave it out, or say 'fsspec' or 'obstore'")
    if isinstance(target, (Backend, AsyncBackend)):
        if path is not None or storage_options is not None or client != "fsspec":
            raise ValueError("a backend knows its place: leave path=, storage_options= and client= out")
        return target
    backend = _found(target, path, storage_options, durability, limits)
    if client == "fsspec":
        return backend
    if not isinstance(backend, RemoteBackend):
        raise UnsupportedError(f'client="obstore" reaches S3, not {backend.name}: leave client out')
    if find_spec("obstore") is None:
        raise UnsupportedBackendError("obstore is not installed: pip install 'objstore[fast]'")
    return backend.through_obstore()


def _found(
    target: str | os.PathLike[str] | AbstractFileSystem,
    path: str | None,
    storage_options: Mapping[str, object] | None,
    durability: Durability,
    limits: Limits,
) -> Backend | AsyncBackend:
    options = dict(storage_options or {})
    if isinstance(target, AbstractFileSystem):
        if path is None or storage_options is not None:
            raise ValueError("a filesystem needs path=, the prefix of the store in it, and brings its own options")
        return _from_filesystem(target, path, durability, limits)
    if path is not None:
        raise ValueError("path= goes with a filesystem; a URL names its path itself")
    if not isinstance(target, (str, os.PathLike)):
        raise UnsupportedError(f"a {type(target).__name__} is no place: give a URL, a path, a filesystem or a backend")
    url = str(stringify_path(target))
    protocol, separator, rest = url.partition("://")
    if not (rest if separator and protocol in ("file", "local") else url).strip():
        raise UnsupportedError("the target is empty: give a path, or a URL such as s3://bucket/agents")
    if "\0" in url:
        raise UnsupportedError("the target contains a NUL character, which no path and no URL can")
    if isinstance(target, str) and "::" in url.partition("/")[0]:
        raise _chained(protocol, url)
    if not separator and isinstance(target, str):
        _refuse_half_a_url(url)
    if not separator or protocol in ("file", "local"):
        _take_none(options, "local disk")
        return LocalBackend(rest if separator else url, durability=durability)
    if protocol == "memory":
        _take_none(options, "memory")
        return MemoryBackend(rest)
    if protocol in _REMOTE:
        return _remote(_REMOTE[protocol], rest, options, limits)
    return _generic(protocol, url, options)


def _from_filesystem(
    filesystem: AbstractFileSystem, path: str, durability: Durability, limits: Limits
) -> Backend | AsyncBackend:
    kind = type(filesystem)
    _refuse_caches(kind)
    if isinstance(filesystem, LocalFileSystem):
        return LocalBackend(path, durability=durability)
    if isinstance(filesystem, MemoryFileSystem):
        return MemoryBackend(path, filesystem=None if filesystem.store is MemoryFileSystem.store else filesystem)
    if getattr(filesystem, "asynchronous", False) or filesystem.storage_options.get("loop") is not None:
        raise UnsupportedError(
            f"this {kind.__name__} belongs to one event loop (asynchronous=True or loop=), which may not be the one "
            f"that asks: make it without, and it will serve sync and async code alike"
        )
    protocol = kind.protocol if isinstance(kind.protocol, str) else kind.protocol[0]
    options, args = filesystem.storage_options, filesystem.storage_args
    target = Target(protocol, path.partition("://")[2] or path, options, args, kind)
    packages = {base.__module__.partition(".")[0] for base in kind.__mro__}
    for name, (package, _) in _PACKAGES.items():
        if package in packages:
            _check_path(name, target.path)
            return RemoteBackend(name, target, limits)
    return GenericBackend(target)


def _remote(name: str, path: str, options: dict[str, Any], limits: Limits) -> RemoteBackend:
    package, extra = _PACKAGES[name]
    if find_spec(package) is None:
        raise UnsupportedBackendError(f"{package} is not installed: pip install 'objstore{extra}'")
    if options.pop("asynchronous", False) or options.get("loop") is not None:
        raise UnsupportedError("leave asynchronous= and loop= out of storage_options: sync and async code both work")
    if name == "az" and "@" in path.partition("/")[0]:  # abfs://container@account.dfs.core.windows.net/path
        container, _, rest = path.partition("@")
        host, _, path = rest.partition("/")
        options.setdefault("account_name", host.partition(".")[0])
        if "." in host and not host.endswith(".core.windows.net"):  # in another cloud of Azure
            options.setdefault("account_host", host.replace(".dfs.", ".blob.", 1))
        path = f"{container}/{path}"
    if path.startswith("/"):  # where a program has no name to put there, the next one is not what it means
        path = ""
    _check_path(name, path)
    return RemoteBackend(name, Target(name, path.strip("/"), options), limits)


def _check_path(name: str, path: str) -> None:
    """Refuse what names no bucket, and what holds a secret that would be taken for a part of the path, and be shown."""
    bucket = path.strip("/").partition("/")[0]
    if not bucket:
        raise UnsupportedError(f"the URL names no bucket: write it as {name}://bucket/prefix")
    if name == "s3" and bucket.endswith("--x-s3"):
        raise UnsupportedError(
            f"{bucket!r} is a directory bucket (S3 Express One Zone), whose listings have no order: use another bucket"
        )
    if name == "az" and "sig=" in path.partition("?")[2]:
        raise UnsupportedError('the URL carries a SAS token: give that as storage_options={"sas_token": ...}')
    if "@" in bucket or (":" in bucket and not bucket.startswith("arn:")):
        raise UnsupportedError(
            "the URL names a user or a key where a bucket belongs: give what is secret in storage_options"
        )


def _refuse_half_a_url(path: str) -> None:
    """Refuse `s3:bucket/agents`, which would be a directory of this machine; nothing of it is shown, see above."""
    word, colon, _ = path.partition(":")
    if colon and word.lower() in available_protocols():
        raise UnsupportedError(
            f"a URL begins with {word.lower()}://; for a directory of such a name write ./{word}:..."
        )


def _chained(protocol: str, url: str) -> UnsupportedError:
    return UnsupportedError(
        f"{Target(protocol, '').scrub(url)!r} chains filesystems, and those that chain cache or ignore conditions: "
        f"give the URL of the last one alone"
    )


def _generic(protocol: str, url: str, options: dict[str, Any]) -> GenericBackend:
    if "::" in url:  # dir://a::file:///b
        raise _chained(protocol, url)
    try:
        kind = get_filesystem_class(protocol)
    except ValueError as error:
        raise UnsupportedError(
            f"fsspec knows no {protocol!r}: use a path, or a URL of s3, gs, az, sftp or another of its protocols"
        ) from error
    except ImportError as error:
        hint = "pip install 'objstore[sftp]'" if protocol in ("sftp", "ssh") else str(error)
        raise UnsupportedBackendError(f"{protocol} needs a package that is not installed: {hint}") from error
    _refuse_caches(kind)
    found = {**kind._get_kwargs_from_urls(url), **options}
    return GenericBackend(Target(protocol, str(kind._strip_protocol(url)), found, (), kind))


def _refuse_caches(kind: type[Any]) -> None:
    if issubclass(kind, CachingFileSystem):
        raise UnsupportedError(
            f"{kind.__name__} answers from a cache, and a store that is not asked cannot keep writers apart: "
            f"give the filesystem below it"
        )


def _take_none(options: dict[str, Any], where: str) -> None:
    if options:
        raise UnsupportedError(f"{where} takes no storage_options (got {', '.join(sorted(map(str, options)))})")
