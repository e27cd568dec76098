"""The terminal: `market-pipeline`. Commands parse and print; `operations` does the work.

Starting must stay fast: dagster, pandas and every vendor's library are imported by the command
that needs them, never by this package's modules.
"""

import sys


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    try:
        from market_pipeline.cli.application import app

        app(prog_name="market-pipeline")
    except KeyboardInterrupt:
        # Before or after the command's own handling: while importing, or while ending.
        sys.exit(130)
