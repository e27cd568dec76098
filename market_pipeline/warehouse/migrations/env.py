"""Alembic's entry: runs the revisions on the connection that `schema.upgrade` hands over.

There is no alembic.ini: the database is the warehouse's, the caller's transaction holds the
whole upgrade, and both dialects roll back what fails half-way.
"""

from alembic import context

from market_pipeline.warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Alembic assumes that SQLite cannot do this; with an explicit BEGIN it can.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
