"""Run a command, and print the most memory that it ever had, in bytes, on the last line.

A process inherits the peak of the one that started it, so that one has to be small: this one, not the tests'.
"""

from __future__ import annotations

import resource
import subprocess
import sys

status = subprocess.call(sys.argv[1:])
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(most if sys.platform == "darwin" else most * 1024)
sys.exit(status)
