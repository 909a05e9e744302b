"""Over HTTP: what was answered to requests with a key, and firings that are to be told to webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flowrun.store.tables import Number, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "answers",
        sa.Column("key", Text, primary_key=True),
        sa.Column("digest", Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("content", Text),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("answers_at", "answers", ["at"])
    op.create_table(
        "deliveries",
        sa.Column("seq", Number, primary_key=True),
        sa.Column("webhook", Text, nullable=False),
        sa.Column("tunnel", Text, nullable=False),
        sa.Column("deal", Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("from_stage", Text, nullable=False),
        sa.Column("to_stage", Text, nullable=False),
        sa.Column("result", Text, nullable=False),
        sa.Column("target", Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("fired_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reason", Text),
        sa.Column("state", Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("runner", Text),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("said", Text),
    )
    op.create_index("deliveries_order", "deliveries", ["webhook", "state", "next_at", "seq"])
    op.create_table(
        "webhooks",
        sa.Column("id", Text, primary_key=True),
        sa.Column("url", Text, nullable=False),
        sa.Column("disabled_at", sa.BigInteger, nullable=False),
        sa.Column("said", Text),
    )
