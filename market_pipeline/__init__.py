"""An open market-data and portfolio pipeline built on Dagster."""

import os

__version__ = "0.1.0"

# Read by numpy when it is first imported. Our matrices are small: several threads gain nothing,
# and on a machine that is busy they wait for each other ten times longer than they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
