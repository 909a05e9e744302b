"""Saved plans: the key that seals them, and what a revision remembers of how it came about; and merged stages.

What tells of a tunnel whether it is the same comes from the applied flow itself: `tunnels.digest` goes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and the table, and drop the digest; the key is made by `store.connection` when it is missing."""
    op.add_column("flowrun", sa.Column("plan_key", sa.Text))
    op.add_column("revisions", sa.Column("plan", sa.Text))
    op.add_column("revisions", sa.Column("difference", sa.Text))
    op.add_column("revisions", sa.Column("back_to", sa.Integer))
    op.create_table(
        "existing",
        sa.Column("deal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tunnel", sa.Text, primary_key=True),
        sa.Column("entry", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.drop_column("tunnels", "digest")
