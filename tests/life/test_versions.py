"""A bucket that keeps old versions, where overwriting erases nothing."""

from __future__ import annotations

import os
import socket
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

import objstore
from objstore import SessionData, UnsupportedError
from objstore.cli import app
from objstore.testing import memory_store


@pytest.fixture
def versioned(bucket: str, s3_options: dict[str, Any]) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=s3_options["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=s3_options["key"],
        aws_secret_access_key=s3_options["secret"],
    )
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return f"s3://{bucket}/agents"


def test_a_purge_is_refused_where_old_versions_are_kept(versioned: str, s3_options: dict[str, Any]) -> None:
    with objstore.open(versioned, storage_options=s3_options) as store:
        store.save(SessionData.new("s"))
        with pytest.raises(UnsupportedError, match="keep_versions=True"):
            store.delete("s", purge=True)
        assert store.exists("s")
        store.delete("s", purge=True, keep_versions=True)
        assert not store.exists("s")
        assert store.verify().ok


def test_so_it_is_by_the_command_which_is_told_in_its_words(
    versioned: str, s3_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_options["secret"])
    there = ("--endpoint-url", s3_options["endpoint_url"], "--region", "us-east-1", versioned)
    remove = ("rm", *there, "s", "--yes", "--purge")
    with objstore.open(versioned, storage_options=s3_options) as store:
        store.save(SessionData.new("s"))
        refused = CliRunner().invoke(app, remove)
        assert refused.exit_code == 2
        assert "--keep-versions" in refused.stderr
        assert store.exists("s")
        assert CliRunner().invoke(app, [*remove, "--keep-versions"]).exit_code == 0
        assert objstore.open(versioned, storage_options=s3_options).load("s") is None


def test_a_plain_delete_needs_no_word_about_versions(versioned: str, s3_options: dict[str, Any]) -> None:
    with objstore.open(versioned, storage_options=s3_options) as store:
        store.save(SessionData.new("s"))
        store.delete("s")
        assert not store.exists("s")


def test_history_says_which_process_wrote_a_commit() -> None:
    store = memory_store()
    store.save(SessionData.new("s"))
    assert [commit.writer for commit in store.history("s")] == [f"{socket.gethostname()}:{os.getpid()}"]
