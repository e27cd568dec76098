"""An open market-data and portfolio pipeline built on Dagster."""

__version__ = "0.1.0"
