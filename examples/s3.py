"""The quickstart against S3: python examples/s3.py starts a moto server on 127.0.0.1 and works there.

It needs moto and boto3: pip install '.[test]'.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import boto3


def main() -> None:
    """Start a server, make a bucket, run the quickstart in it, stop the server."""
    # Plain moto may let two racing creates both win; the quickstart races nobody. A process of its own keeps the
    # server apart from what a real program would do.
    command = [sys.executable, "-c", "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in server.stderr)
            url = next(match[0] for match in found if match)
            # What a cloud machine has from its environment; s3fs and boto3 both read these.
            os.environ |= {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3": url,
            }
            boto3.client("s3").create_bucket(Bucket="agents")
            quickstart = str(Path(__file__).with_name("quickstart.py"))
            subprocess.run([sys.executable, quickstart, "s3://agents/production"], check=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
