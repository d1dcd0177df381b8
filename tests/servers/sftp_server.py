"""An SFTP server in a process of its own: user ``u``, password ``p``, the files of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sftp_server() -> Iterator[int]:
    """Run a server and give its port; it ends with this process too, since it reads its standard input to the end."""
    command = [sys.executable, "-m", "tests.servers.sftp_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.terminate()


async def _serve() -> None:
    import asyncio

    import asyncssh

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("u", "p")

    keys = [asyncssh.generate_private_key("ssh-ed25519")]
    server = await asyncssh.create_server(Server, "127.0.0.1", 0, server_host_keys=keys, sftp_factory=True)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    import asyncio

    asyncio.run(_serve())
