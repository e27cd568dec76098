"""Rows: every table, how frames become rows, and the two databases that hold them.

Belongs here: SQL and what it must guarantee (one transaction, only differences written). Does not:
what a row means (`domain`) or which partition it belongs to (`io_managers`).
"""

from market_pipeline.warehouse.warehouse import Warehouse

__all__ = ["Warehouse"]
