"""The tables of the news: what was collected, the stories made of it, what was told of them.

Collected rows are kept as each source gave them; `headlines` holds one row a story and counts the
publishers that told it, `headline_sources` every item that did. All are dated by the New York day
of publication.
"""

from typing import Any

import sqlalchemy as sa

from market_pipeline.warehouse.columns import (
    Instant,
    by_session,
    key,
    metadata,
    optional,
    required,
)

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _by_day(name: str, *columns: sa.Column[Any], **more: Any) -> sa.Table:
    return sa.Table(
        name, metadata, key("published_date", sa.Date), *columns, *more.get("indexes", ()),
        info={"partition": "published_date"},
    )  # fmt: skip


def _collected(name: str) -> sa.Table:
    return _by_day(
        name,
        key("item_hash", sa.String(32)),
        required("headline", sa.String(500)),
        required("description", sa.String(5000)),
        required("publisher", sa.String(200)),
        required("url", sa.String(2000)),
        required("symbols", sa.String(400)),  # sorted, comma-joined
        required("category", sa.String(40)),
        required("published_at", Instant),
        required("source", sa.String(40)),  # finviz_page, tiingo, ..., with :sandbox
        required("is_failover", sa.Boolean),  # an earlier source failed in that collection
        *optional("vendor_score", "vendor_confidence", kind=sa.Float(53)),
        required("fetched_at", Instant),
        *optional("taken_as", kind=sa.String(80)),  # the rules that made it part of a story
        indexes=[
            sa.Index(
                f"ix_{name}_not_taken",
                "published_date",
                sqlite_where=sa.text("taken_as IS NULL"),
                postgresql_where=sa.text("taken_as IS NULL"),
            )
        ],
    )


finviz_headlines = _collected("finviz_headlines")
wire_headlines = _collected("wire_headlines")

headlines = _by_day(
    "headlines",
    key("headline_hash", sa.String(32)),  # of headline|publisher|published_date
    required("headline", sa.String(500)),
    required("normalized_headline", sa.String(500)),
    required("description", sa.String(5000)),
    required("url", sa.String(2000)),
    required("publisher", sa.String(200)),
    required("source", sa.String(40)),
    required("symbols", sa.String(400)),  # 1 to 10, sorted, comma-joined
    required("category", sa.String(40)),
    required("published_at", Instant),
    required("first_seen_at", Instant),
    required("ingested_at", Instant),
    required("session_date", sa.Date),  # the session in which it meets prices
    required("market_session", sa.String(8)),  # pre, regular, after, closed
    *optional("sector", "industry", kind=sa.String(120)),
    required("is_failover", sa.Boolean),
    required("source_count", sa.Integer),  # publishers that tell it, however many paths
    required("sentiment_score", sa.Float(53)),
    required("sentiment_confidence", sa.Float(53)),
    required("sentiment_label", sa.String(8)),  # positive, neutral, negative
    required("sentiment_model", sa.String(60)),
    indexes=[sa.Index(None, "session_date")],
)

headline_sources = _by_day(
    "headline_sources",
    key("item_hash", sa.String(32)),
    required("headline_hash", sa.String(32)),  # of the story's primary
    required("story_date", sa.Date),  # published_date of the primary
    required("headline", sa.String(500)),
    required("publisher", sa.String(200)),
    required("url", sa.String(2000)),
    required("source", sa.String(40)),
    required("published_at", Instant),
    required("first_seen_at", Instant),
    required("is_primary", sa.Boolean),
    required("is_failover", sa.Boolean),
    required("similarity", sa.Float(53)),  # 0 to 100, to the primary
    indexes=[sa.Index(None, "story_date", "headline_hash")],
)

headline_symbols = _by_day(
    "headline_symbols",
    key("symbol", sa.String(32)),
    key("headline_hash", sa.String(32)),
    required("published_at", Instant),
    required("hour", sa.Integer),  # New York, 0 to 23
    required("relevance", sa.Float(53)),  # 0 to 1
    indexes=[sa.Index(None, "symbol", "published_at")],
)

headline_match_keys = sa.Table(
    "headline_match_keys",
    metadata,
    key("match_key", sa.BigInteger),  # two stories that may be one share at least one
    key("published_date", sa.Date),
    key("headline_hash", sa.String(32)),
    sa.Index(None, "published_date"),
    info={"partition": "published_date"},
)

headline_aggregates = _by_day(
    "headline_aggregates",
    key("symbol", sa.String(32)),
    key("hour", sa.Integer),  # New York, 0 to 23
    required("headline_count", sa.Integer),
    required("positive_count", sa.Integer),
    required("neutral_count", sa.Integer),
    required("negative_count", sa.Integer),
    required("low_confidence_count", sa.Integer),
    required("weighted_score_sum", sa.Float(53)),  # of score times confidence
    required("confidence_sum", sa.Float(53)),
    required("last_published_at", Instant),
)

headline_impact = by_session(
    "headline_impact",
    key("headline_hash", sa.String(32)),
    key("symbol", sa.String(32)),
    required("published_at", Instant),
    required("relevance", sa.Float(53)),
    required("sentiment_score", sa.Float(53)),
    required("sentiment_confidence", sa.Float(53)),
    required("sentiment_label", sa.String(8)),
    required("sentiment_model", sa.String(60)),
    *optional("beta", kind=sa.Float(53)),  # to SPY, of the session before
    *optional("return_pct", "adjusted_return_pct", kind=sa.Float(53)),
    *optional(*(f"return_next_{day}_pct" for day in range(1, 6)), kind=sa.Float(53)),
    *optional(*(f"adjusted_next_{day}_pct" for day in range(1, 6)), kind=sa.Float(53)),
    required("sessions_known", sa.Integer),  # 0 to 6
)

# -- the record of collecting ----------------------------------------------------------------

collection_events = sa.Table(
    "collection_events",
    metadata,
    sa.Column("event_id", _NUMBER, primary_key=True),
    required("asset", sa.String(40)),
    required("portfolio_id", sa.String(64)),
    required("source", sa.String(40)),
    required("started_at", Instant),
    required("duration_ms", sa.Float(53)),
    required("is_success", sa.Boolean),
    required("is_failover", sa.Boolean),
    required("item_count", sa.Integer),
    required("new_item_count", sa.Integer),
    *optional("error_kind", kind=sa.String(40)),
    *optional("error_message", kind=sa.String(500)),
    *optional("run_id", kind=sa.String(64)),
    sa.Index(None, "started_at"),
)

source_status = sa.Table(
    "source_status",
    metadata,
    key("source", sa.String(40)),
    required("is_available", sa.Boolean),
    *optional("last_success_at", "last_failure_at", kind=Instant),
    required("consecutive_failures", sa.Integer),
    *optional("last_error_kind", kind=sa.String(40)),
    *optional("last_error_message", kind=sa.String(500)),
)

collection_fences = sa.Table(
    "collection_fences",
    metadata,
    key("name", sa.String(120)),
    required("token", sa.BigInteger),  # the greatest that ever wrote; a smaller one may not
)

# -- what people and other systems are told --------------------------------------------------

outbox = sa.Table(
    "outbox",
    metadata,
    key("message_id", sa.String(36)),
    required("topic", sa.String(60)),
    required("payload", sa.Text),  # JSON
    required("created_at", Instant),
    *optional("finished_at", kind=Instant),  # delivered everywhere, or nowhere to deliver
    sa.Index("ix_outbox_unfinished", "created_at", sqlite_where=sa.text("finished_at IS NULL"),
             postgresql_where=sa.text("finished_at IS NULL")),
)  # fmt: skip

outbox_deliveries = sa.Table(
    "outbox_deliveries",
    metadata,
    key("message_id", sa.String(36)),
    key("channel", sa.String(80)),
    required("attempts", sa.Integer),
    required("last_attempt_at", Instant),
    *optional("next_attempt_at", "delivered_at", kind=Instant),
    *optional("last_error", kind=sa.String(500)),
)

alerts = sa.Table(
    "alerts",
    metadata,
    key("alert_key", sa.String(120)),
    key("opened_at", Instant),
    required("severity", sa.String(10)),  # critical, error, warning
    required("title", sa.String(200)),
    required("body", sa.Text),
    required("last_seen_at", Instant),
    required("occurrences", sa.Integer),
    *optional("closed_at", kind=Instant),
    sa.Index("ix_alerts_open", "alert_key", unique=True,
             sqlite_where=sa.text("closed_at IS NULL"),
             postgresql_where=sa.text("closed_at IS NULL")),
)  # fmt: skip
