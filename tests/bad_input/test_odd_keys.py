"""Objects that others put among those of a store in a bucket, under keys that no path could have."""

from __future__ import annotations

from typing import Any

import pytest
from s3fs import S3FileSystem

import objstore
from objstore import BackendError
from tests.bad_input.damage import TURNS, fill, turns
from tests.conftest import options_for
from tests.servers.moto_server import MotoServer

ODD = [
    *("sessions/s/log//0000000009", "sessions/s/log/000000//0000000009", "sessions/s/objects//0/x", "sessions/../x"),
    *("sessions//log/000000/0000000001", "sessions/s/log/./x", "sessions/s/log/../x", "index//s=.0000000001", "a//b"),
]


def plant(url: str, keys: list[str], options: dict[str, Any]) -> None:
    filesystem = S3FileSystem(**options, skip_instance_cache=True)
    for key in keys:
        filesystem.call_s3("put_object", Bucket=url.split("/")[2], Key=f"agents/{key}", Body=b"odd")


def test_they_are_in_nobodys_way(s3_server: MotoServer, bucket: str) -> None:
    url, options = f"s3://{bucket}/agents", options_for(s3_server.url)
    with objstore.open(url, storage_options=options) as store:
        for id in ("s", "t"):
            fill(store, id)
    plant(url, ODD, options)
    with objstore.open(url, storage_options=options) as store:
        assert store.list() == ["s", "t"]
        found = list(store.iter_summaries(sizes=True))
        assert [(each.id, each.problem) for each in found] == [("s", None), ("t", None)]
        assert all(each.size for each in found)
        assert {finding.problem for finding in store.verify().findings} == {"foreign"}
        assert store.repair("s").needed is False
        assert len(store.du().sessions) == 2
        assert store.collect().removed == ()
        assert objstore.copy(store, objstore.open("memory://odd-keys")).ok
        store.delete("s", purge=True)
        assert turns(store.load("t")) == TURNS


def test_through_obstore_which_lists_no_such_keys_the_error_says_so(s3_server: MotoServer, bucket: str) -> None:
    url, options = f"s3://{bucket}/agents", options_for(s3_server.url)
    with objstore.open(url, storage_options=options, client="obstore") as store:
        fill(store, "s")
        plant(url, ["index//s=.0000000001"], options)
        with pytest.raises(BackendError, match=r'a key there has "//", "\." or "\.\.".* leave client out'):
            list(store.iter_ids())
