"""Deals that live elsewhere: calls to their source, what is known of it, and what is to be read of it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flowrun.store.tables import Number, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables, and to each deal what was settled of it last."""
    op.create_table(
        "calls",
        sa.Column("firing", Number, primary_key=True, autoincrement=False),
        sa.Column("key", Text, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("deal", Text, nullable=False),
        sa.Column("target", Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("from_stage", Text, nullable=False),
        sa.Column("to_stage", Text, nullable=False),
        sa.Column("content", Text, nullable=False),
        sa.Column("new_id", Text),
        sa.Column("tunnel", Text, nullable=False),
        sa.Column("state", Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("finds", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("runner", Text),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("reason", Text),
    )
    op.create_index("calls_key", "calls", ["key"], unique=True)
    op.create_index("calls_order", "calls", ["state", "next_at", "firing"])
    op.create_index("calls_deal", "calls", ["deal"])
    op.create_index("calls_target", "calls", ["target"])
    op.create_table(
        "sources",
        sa.Column("id", Text, primary_key=True),
        sa.Column("type", Text, nullable=False),
        sa.Column("mark", Text),
        sa.Column("reader", Text),
        sa.Column("reader_until", sa.BigInteger),
        sa.Column("tokens", sa.BigInteger),
        sa.Column("refilled_at", sa.BigInteger),
        sa.Column("paused_until", sa.BigInteger),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("asked_at", sa.BigInteger),
        sa.Column("read_at", sa.BigInteger),
        sa.Column("whole_at", sa.BigInteger),
        sa.Column("trouble", Text),
        sa.Column("trouble_at", sa.BigInteger),
    )
    op.create_table(
        "rereads",
        sa.Column("deal", Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "bad_records",
        sa.Column("place", Text, primary_key=True),
        sa.Column("reason", Text, nullable=False),
        sa.Column("deal", Text),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "waiters",
        sa.Column("deal", Number, primary_key=True, autoincrement=False),
        sa.Column("pipeline", Text, primary_key=True),
    )
    op.add_column("deals", sa.Column("_settled", sa.BigInteger))
