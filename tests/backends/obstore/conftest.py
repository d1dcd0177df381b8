"""A place on S3, reached through obstore."""

from __future__ import annotations

from typing import Any

import pytest

from objstore.backends.base import Backend
from objstore.testing.blocking import blocking
from tests.backends.obstore.through import remote


@pytest.fixture
def place(bucket: str, s3_options: dict[str, Any]) -> Backend:
    return blocking(remote(f"s3://{bucket}/some/prefix", s3_options))
