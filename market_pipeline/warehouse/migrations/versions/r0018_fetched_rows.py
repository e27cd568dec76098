"""The log of fetches says of which timeframe each was, and what storing its answer changed.

Rows from before keep NULL for what they changed, which nobody counted, and their count of rows
fetched is that of the rows that were fit to be stored. Their timeframe follows from what was asked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_LOG = "enrichment_fetch_log"
_TIMEFRAMES = """
UPDATE enrichment_fetch_log SET timeframe = CASE asset WHEN 'intraday_bars' THEN '1h' ELSE '1d' END
WHERE asset IN ('equity_bars', 'intraday_bars')
   OR (asset = 'option_quotes' AND subject NOT LIKE 'chain:%')
"""


def upgrade() -> None:
    op.execute(f'ALTER TABLE {_LOG} RENAME COLUMN "rows" TO rows_fetched')
    op.add_column(
        _LOG, sa.Column("timeframe", sa.String(12), nullable=False, server_default="snapshot")
    )
    op.add_column(_LOG, sa.Column("rows_inserted", sa.Integer(), nullable=True))
    op.add_column(_LOG, sa.Column("rows_updated", sa.Integer(), nullable=True))
    op.execute(_TIMEFRAMES)


def downgrade() -> None:
    for column in ("rows_updated", "rows_inserted", "timeframe"):
        op.drop_column(_LOG, column)
    op.execute(f'ALTER TABLE {_LOG} RENAME COLUMN rows_fetched TO "rows"')
