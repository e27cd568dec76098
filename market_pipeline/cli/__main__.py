"""Run the command line as `python -m market_pipeline.cli`."""

from market_pipeline.cli import main

main()
