from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

import fsspec.asyn
import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from objstore.backends import (
    AsyncBackend,
    Backend,
    GenericBackend,
    LocalBackend,
    MemoryBackend,
    RemoteBackend,
    open_backend,
)
from objstore.backends._target import Target
from objstore.errors import UnsupportedBackendError, UnsupportedError


@pytest.mark.parametrize(
    ("target", "kind", "name", "shown"),
    [
        ("s3://bucket/a/b", RemoteBackend, "s3", "RemoteBackend('s3://bucket/a/b')"),
        ("s3a://bucket", RemoteBackend, "s3", "RemoteBackend('s3://bucket')"),
        ("memory://a/b/", MemoryBackend, "memory", "MemoryBackend('/a/b')"),
        ("/a/b", LocalBackend, "file", "LocalBackend('/a/b')"),
        ("file:///a/b", LocalBackend, "file", "LocalBackend('/a/b')"),
    ],
)
def test_a_target_says_which_backend_it_needs(target: str, kind: type, name: str, shown: str) -> None:
    backend = open_backend(target)
    assert type(backend) is kind
    assert backend.name == name
    assert repr(backend) == shown
    assert backend.capabilities.exclusive_create
    assert isinstance(backend, AsyncBackend if kind is RemoteBackend else Backend)


def test_a_path_is_no_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_backend(Path("a::b")).create("x", b"")
    assert (tmp_path / "a::b" / "x").exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "the target is empty"),
        ("  ", "the target is empty"),
        ("file://", "the target is empty"),
        ("local://  ", "the target is empty"),
        ("nonsense://a/b", "knows no 'nonsense'"),
        ("s3://", "names no bucket"),
        ("s3:///", "names no bucket"),
        ("s3:///agents", "names no bucket"),
        ("s3://bucket--use1-az4--x-s3/agents", "directory bucket"),
        ("s3:bucket/a", r"a URL begins with s3://; for a directory of such a name write \./s3:\.\.\."),
        ("S3:/bucket/a", "a URL begins with s3://"),
        ("file:a", "a URL begins with file://"),
        ("simplecache::s3://bucket/a", "chains filesystems"),
        ("filecache::file:///a", "chains filesystems"),
        ("dir://a::file:///b", "chains filesystems"),
        ("zip://a::memory://b.zip", "chains filesystems"),
        ("simplecache://a", "answers from a cache"),
        ("blockcache://a", "answers from a cache"),
    ],
)
def test_a_target_that_cannot_hold_a_store_is_refused_in_words(target: str, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        open_backend(target)


def test_a_directory_may_have_the_name_of_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for target in ("./s3:a", Path("s3:a"), str(tmp_path / "s3:a")):
        assert repr(open_backend(target)) == f"LocalBackend('{tmp_path}/s3:a')"
    assert repr(open_backend("a:b")) == f"LocalBackend('{tmp_path}/a:b')"


@pytest.mark.parametrize(
    "arguments",
    [{"timeout": 0}, {"retries": -1}, {"concurrency": 0}, {"durability": "some"}, {"path": "a"}],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        open_backend(tmp_path, **arguments)


@pytest.mark.parametrize("target", ["/a", "file:///a", "memory://a"])
def test_options_that_nobody_would_read_are_refused(target: str) -> None:
    with pytest.raises(UnsupportedError, match="takes no storage_options \\(got anything\\)"):
        open_backend(target, storage_options={"anything": "a-secret"})


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("objstore.backends.find_spec", lambda _: None)
    with pytest.raises(UnsupportedBackendError, match=r"pip install 'objstore\[gcs\]'"):
        open_backend("gs://bucket")
    with pytest.raises(UnsupportedBackendError, match=r"pip install 'objstore\[azure\]'"):
        open_backend("az://container")


def test_a_filesystem_is_taken_apart(tmp_path: Path) -> None:
    local = open_backend(fsspec.filesystem("file"), path=str(tmp_path))
    assert isinstance(local, LocalBackend)
    memory = open_backend(fsspec.filesystem("memory"), path="/x")
    assert repr(memory) == "MemoryBackend('/x')"
    inner = open_backend(DirFileSystem(str(tmp_path), fsspec.filesystem("file")), path="d")
    assert isinstance(inner, GenericBackend)
    assert not inner.capabilities.exclusive_create


def test_a_memory_of_ones_own_is_used_and_not_that_of_all() -> None:
    class Own(MemoryFileSystem):  # type: ignore[misc] # fsspec ships no types
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]

    own, common = open_backend(Own(), path="own-memory"), open_backend("memory://own-memory")
    assert isinstance(own, MemoryBackend)
    assert isinstance(common, MemoryBackend)
    own.put("a", b"1")
    assert [*Own.store] == ["/own-memory/a"]
    assert common.get("a") is None


def test_a_filesystem_that_caches_is_refused() -> None:
    cached = fsspec.filesystem("simplecache", target_protocol="memory", skip_instance_cache=True)
    with pytest.raises(UnsupportedError, match="answers from a cache"):
        open_backend(cached, path="x")


def test_a_filesystem_needs_a_path_and_brings_its_options() -> None:
    filesystem = fsspec.filesystem("memory")
    with pytest.raises(ValueError, match="needs path="):
        open_backend(filesystem)
    with pytest.raises(ValueError, match="brings its own options"):
        open_backend(filesystem, path="x", storage_options={})


def test_a_filesystem_that_belongs_to_one_loop_is_refused() -> None:
    import s3fs

    with pytest.raises(UnsupportedError, match="belongs to one event loop"):
        open_backend(s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True), path="bucket")
    with pytest.raises(UnsupportedError, match="belongs to one event loop"):
        open_backend(s3fs.S3FileSystem(loop=fsspec.asyn.get_loop(), skip_instance_cache=True), path="bucket")
    for options in ({"asynchronous": True}, {"loop": fsspec.asyn.get_loop()}):
        with pytest.raises(UnsupportedError, match="leave asynchronous="):
            open_backend("s3://bucket", storage_options=options)


def test_a_packages_is_imported_only_when_it_is_used() -> None:
    script = (
        "import sys; from objstore.backends import open_backend; open_backend('s3://b/x'); import objstore.testing\n"
        "print([name for name in ('s3fs', 'botocore', 'gcsfs', 'adlfs', 'pytest', 'moto') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(importlib.util.find_spec("adlfs") is None, reason="adlfs is not installed")
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("account", {"account_name": "account"}),
        ("account.dfs.core.windows.net", {"account_name": "account"}),
        (
            "account.dfs.core.chinacloudapi.cn",
            {"account_name": "account", "account_host": "account.blob.core.chinacloudapi.cn"},
        ),
    ],
)
def test_the_account_in_an_azure_url_becomes_an_option(host: str, expected: dict[str, str]) -> None:
    backend = open_backend(f"abfs://container@{host}/a/b")
    assert repr(backend) == "RemoteBackend('az://container/a/b')"
    assert isinstance(backend, RemoteBackend)
    assert backend.location.storage == ("az", expected, ())


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKID:a-secret-key@bucket/agents",
        "s3://a-secret-key@bucket",
        "gs://u:a-secret-key@bucket/agents",
        "az://account:a-secret-key@account.blob.core.windows.net/c",
    ],
)
@pytest.mark.parametrize("client", ["fsspec", "obstore"])
def test_a_key_in_the_url_of_a_bucket_is_refused_and_not_shown(url: str, client: Literal["fsspec", "obstore"]) -> None:
    with pytest.raises(UnsupportedError, match="names a user or a key") as caught:
        open_backend(url, client=client)
    assert "secret-key" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.skipif(importlib.util.find_spec("adlfs") is None, reason="adlfs is not installed")
@pytest.mark.parametrize(
    "url", ["az://c/agents?sv=1&sig=a-secret-key", "abfs://c@a.dfs.core.windows.net/?sig=a-secret-key"]
)
def test_a_token_in_an_azure_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UnsupportedError, match="sas_token") as caught:
        open_backend(url)
    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/"])
def test_a_filesystem_with_buckets_needs_one_in_its_path(path: str) -> None:
    with pytest.raises(UnsupportedError, match="names no bucket"):
        open_backend(S3FileSystem(anon=True), path=path)


@pytest.mark.skipif(importlib.util.find_spec("obstore") is None, reason="obstore is not installed")
@pytest.mark.parametrize("url", ["s3://bucket//a", "s3://bucket/a//b", "s3://bucket/a/../b", "s3://bucket/./a"])
def test_a_path_that_obstore_would_not_take_is_refused_when_it_is_opened(url: str) -> None:
    open_backend(url)
    with pytest.raises(UnsupportedError, match="takes no path"):
        open_backend(url, client="obstore")
    assert open_backend("s3://bucket/a/", client="obstore").name == "s3"


def test_what_may_be_secret_in_the_options_is_taken_out_of_a_text_from_four_characters_on() -> None:
    options = {"secret": "abcd", "key": "abc", "client_kwargs": {"token": "nested", "region_name": "eu-central-1"}}
    said = Target("s3", "bucket", options).scrub("abc abcd nested eu-central-1 s3://user:word@bucket")
    assert said == "abc *** *** eu-central-1 s3://***@bucket"
    assert Target("s3", "bucket", {"secret": "abcd", "token": "abcdefgh"}).scrub("abcdefgh abcd") == "*** ***"
