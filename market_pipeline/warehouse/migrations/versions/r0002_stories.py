"""Stories instead of rows: sources, match keys, tone, impact, and the record of collecting.

Headlines were made of `finviz_headlines`; they are made anew from it by the next run.
"""

import sqlalchemy as sa
from alembic import op

from market_pipeline.warehouse.columns import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("headlines")
    op.create_table(
        "alerts",
        sa.Column("alert_key", sa.String(length=120), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("alert_key", "opened_at", name="pk_alerts"),
    )
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["alert_key"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "collection_events",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asset", sa.String(length=40), nullable=False),
        sa.Column("portfolio_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("duration_ms", sa.Float(precision=53), nullable=False),
        sa.Column("is_success", sa.Boolean(), nullable=False),
        sa.Column("is_failover", sa.Boolean(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("new_item_count", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.String(length=500), nullable=True),
        sa.Column("run_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name="pk_collection_events"),
    )
    op.create_index(
        "ix_collection_events_started_at", "collection_events", ["started_at"], unique=False
    )
    op.create_table(
        "collection_fences",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_collection_fences"),
    )
    op.create_table(
        "company_profiles",
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("company_name", sa.String(length=200), nullable=False),
        sa.Column("sector", sa.String(length=120), nullable=True),
        sa.Column("industry", sa.String(length=120), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", name="pk_company_profiles"),
    )
    op.create_table(
        "headline_aggregates",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("headline_count", sa.Integer(), nullable=False),
        sa.Column("positive_count", sa.Integer(), nullable=False),
        sa.Column("neutral_count", sa.Integer(), nullable=False),
        sa.Column("negative_count", sa.Integer(), nullable=False),
        sa.Column("low_confidence_count", sa.Integer(), nullable=False),
        sa.Column("weighted_score_sum", sa.Float(precision=53), nullable=False),
        sa.Column("confidence_sum", sa.Float(precision=53), nullable=False),
        sa.Column("last_published_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "symbol", "hour", name="pk_headline_aggregates"),
        info={"partition": "published_date"},
    )
    op.create_table(
        "headline_impact",
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("headline_hash", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("relevance", sa.Float(precision=53), nullable=False),
        sa.Column("sentiment_score", sa.Float(precision=53), nullable=False),
        sa.Column("sentiment_confidence", sa.Float(precision=53), nullable=False),
        sa.Column("sentiment_label", sa.String(length=8), nullable=False),
        sa.Column("sentiment_model", sa.String(length=60), nullable=False),
        sa.Column("beta", sa.Float(precision=53), nullable=True),
        sa.Column("return_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_return_pct", sa.Float(precision=53), nullable=True),
        sa.Column("return_next_1_pct", sa.Float(precision=53), nullable=True),
        sa.Column("return_next_2_pct", sa.Float(precision=53), nullable=True),
        sa.Column("return_next_3_pct", sa.Float(precision=53), nullable=True),
        sa.Column("return_next_4_pct", sa.Float(precision=53), nullable=True),
        sa.Column("return_next_5_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_next_1_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_next_2_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_next_3_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_next_4_pct", sa.Float(precision=53), nullable=True),
        sa.Column("adjusted_next_5_pct", sa.Float(precision=53), nullable=True),
        sa.Column("sessions_known", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "session_date", "headline_hash", "symbol", name="pk_headline_impact"
        ),
        info={"partition": "session_date"},
    )
    op.create_table(
        "headline_match_keys",
        sa.Column("match_key", sa.BigInteger(), nullable=False),
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("headline_hash", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint(
            "match_key", "published_date", "headline_hash", name="pk_headline_match_keys"
        ),
        info={"partition": "published_date"},
    )
    op.create_index(
        "ix_headline_match_keys_published_date",
        "headline_match_keys",
        ["published_date"],
        unique=False,
    )
    op.create_table(
        "headline_sources",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("item_hash", sa.String(length=32), nullable=False),
        sa.Column("headline_hash", sa.String(length=32), nullable=False),
        sa.Column("story_date", sa.Date(), nullable=False),
        sa.Column("headline", sa.String(length=500), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("is_failover", sa.Boolean(), nullable=False),
        sa.Column("similarity", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "item_hash", name="pk_headline_sources"),
        info={"partition": "published_date"},
    )
    op.create_index(
        "ix_headline_sources_story_date_headline_hash",
        "headline_sources",
        ["story_date", "headline_hash"],
        unique=False,
    )
    op.create_table(
        "headline_symbols",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.Column("headline_hash", sa.String(length=32), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("relevance", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint(
            "published_date", "symbol", "headline_hash", name="pk_headline_symbols"
        ),
        info={"partition": "published_date"},
    )
    op.create_index(
        "ix_headline_symbols_symbol_published_at",
        "headline_symbols",
        ["symbol", "published_at"],
        unique=False,
    )
    op.create_table(
        "headlines",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("headline_hash", sa.String(length=32), nullable=False),
        sa.Column("headline", sa.String(length=500), nullable=False),
        sa.Column("normalized_headline", sa.String(length=500), nullable=False),
        sa.Column("description", sa.String(length=5000), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("symbols", sa.String(length=400), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("ingested_at", Instant(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("market_session", sa.String(length=8), nullable=False),
        sa.Column("sector", sa.String(length=120), nullable=True),
        sa.Column("industry", sa.String(length=120), nullable=True),
        sa.Column("is_failover", sa.Boolean(), nullable=False),
        sa.Column("source_count", sa.Integer(), nullable=False),
        sa.Column("sentiment_score", sa.Float(precision=53), nullable=False),
        sa.Column("sentiment_confidence", sa.Float(precision=53), nullable=False),
        sa.Column("sentiment_label", sa.String(length=8), nullable=False),
        sa.Column("sentiment_model", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "headline_hash", name="pk_headlines"),
        info={"partition": "published_date"},
    )
    op.create_index("ix_headlines_session_date", "headlines", ["session_date"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("topic", sa.String(length=60), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("message_id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_unfinished",
        "outbox",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "outbox_deliveries",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", Instant(), nullable=False),
        sa.Column("next_attempt_at", Instant(), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("message_id", "channel", name="pk_outbox_deliveries"),
    )
    op.create_table(
        "source_status",
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("is_available", sa.Boolean(), nullable=False),
        sa.Column("last_success_at", Instant(), nullable=True),
        sa.Column("last_failure_at", Instant(), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("last_error_kind", sa.String(length=40), nullable=True),
        sa.Column("last_error_message", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("source", name="pk_source_status"),
    )
    op.create_table(
        "wire_headlines",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("item_hash", sa.String(length=32), nullable=False),
        sa.Column("headline", sa.String(length=500), nullable=False),
        sa.Column("description", sa.String(length=5000), nullable=False),
        sa.Column("publisher", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("symbols", sa.String(length=400), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("is_failover", sa.Boolean(), nullable=False),
        sa.Column("vendor_score", sa.Float(precision=53), nullable=True),
        sa.Column("vendor_confidence", sa.Float(precision=53), nullable=True),
        sa.Column("fetched_at", Instant(), nullable=False),
        sa.Column("taken_as", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("published_date", "item_hash", name="pk_wire_headlines"),
        info={"partition": "published_date"},
    )
    op.create_index(
        "ix_wire_headlines_not_taken",
        "wire_headlines",
        ["published_date"],
        unique=False,
        sqlite_where=sa.text("taken_as IS NULL"),
        postgresql_where=sa.text("taken_as IS NULL"),
    )
    op.add_column(
        "finviz_headlines",
        sa.Column("description", sa.String(length=5000), nullable=False, server_default=""),
    )
    op.add_column(
        "finviz_headlines",
        sa.Column("is_failover", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column(
        "finviz_headlines", sa.Column("vendor_score", sa.Float(precision=53), nullable=True)
    )
    op.add_column(
        "finviz_headlines", sa.Column("vendor_confidence", sa.Float(precision=53), nullable=True)
    )
    op.add_column("finviz_headlines", sa.Column("taken_as", sa.String(length=80), nullable=True))
    op.create_index(
        "ix_finviz_headlines_not_taken",
        "finviz_headlines",
        ["published_date"],
        unique=False,
        sqlite_where=sa.text("taken_as IS NULL"),
        postgresql_where=sa.text("taken_as IS NULL"),
    )


def downgrade() -> None:
    for table in (
        "wire_headlines",
        "source_status",
        "outbox_deliveries",
        "outbox",
        "headlines",
        "headline_symbols",
        "headline_sources",
        "headline_match_keys",
        "headline_impact",
        "headline_aggregates",
        "company_profiles",
        "collection_fences",
        "collection_events",
        "alerts",
    ):
        op.drop_table(table)
    op.drop_index("ix_finviz_headlines_not_taken", "finviz_headlines")
    with op.batch_alter_table("finviz_headlines") as changed:
        for column in (
            "description", "is_failover", "vendor_score", "vendor_confidence", "taken_as",
        ):  # fmt: skip
            changed.drop_column(column)
    op.create_table(
        "headlines",
        sa.Column("published_date", sa.Date(), nullable=False),
        sa.Column("headline_hash", sa.String(32), nullable=False),
        sa.Column("headline", sa.String(500), nullable=False),
        sa.Column("normalized_headline", sa.String(500), nullable=False),
        sa.Column("publisher", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("symbols", sa.String(400), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("source_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("published_date", "headline_hash", name="pk_headlines"),
    )
