"""What botocore reads from its own package, once for all clients: each would parse 1 MB of JSON anew, for 0.05 s."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import Loader, create_loader


def share_models(session: Any) -> None:
    """Let a session of botocore or aiobotocore read the descriptions of services where others have read them."""
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))


@cache
def _loader(data_path: str | None) -> Loader:
    loader: Loader = create_loader(data_path)
    return loader
