"""How much memory this process has held at most, as the system tells it."""

import resource
import sys
from pathlib import Path


def memory_peak() -> float:
    """Give the most memory this process ever held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere what is counted may be the parent's
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
