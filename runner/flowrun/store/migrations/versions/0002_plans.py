"""Saved plans: the key that seals them, and what a revision remembers of how it came about; and merged stages.

What tells of a tunnel whether it is the same comes from the applied flow itself: `tunnels.digest` goes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

Text = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table, and drop the digest; the key is made by `store.connection` when it is missing."""
    op.add_column("flowrun", sa.Column("plan_key", Text))
    op.add_column("revisions", sa.Column("plan", Text))
    op.add_column("revisions", sa.Column("difference", Text))
    op.add_column("revisions", sa.Column("back_to", sa.Integer))
    op.create_table(
        "existing",
        sa.Column("deal", Number, primary_key=True, autoincrement=False),
        sa.Column("tunnel", Text, primary_key=True),
        sa.Column("entry", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_column("tunnels", "digest")
