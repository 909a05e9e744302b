"""Saved plans: the key that seals them, and what a revision remembers of how it came about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; the key is made by `store.connection` when it is missing."""
    op.add_column("flowrun", sa.Column("plan_key", sa.Text))
    op.add_column("revisions", sa.Column("plan", sa.Text))
    op.add_column("revisions", sa.Column("difference", sa.Text))
    op.add_column("revisions", sa.Column("back_to", sa.Integer))
