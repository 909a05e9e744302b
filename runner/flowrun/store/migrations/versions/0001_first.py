"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "flowrun",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("latest", sa.BigInteger, nullable=False),
        sa.Column("fixed_now", sa.BigInteger),
        sa.Column("revision", sa.Integer),
        sa.Column("environment", sa.Text),
    )
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.Text),
        sa.Column("host", sa.Text),
        sa.Column("git_commit", sa.Text),
        sa.Column("git_dirty", sa.Integer),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("flow", sa.Text, nullable=False),
        sa.Column("places", sa.Text, nullable=False),
    )
    op.create_table(
        "stages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_table(
        "tunnels",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("tripped_at", sa.BigInteger),
        sa.Column("turn", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fired", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_fired_at", sa.BigInteger),
    )
    op.create_table(
        "routes",
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("tunnel", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("live_at", sa.BigInteger, nullable=False),
        sa.Column("include", sa.Integer, nullable=False),
    )
    op.create_table(
        "queue",
        sa.Column("deal", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("wake_at", sa.BigInteger, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
    )
    op.create_index("queue_order", "queue", ["wake_at", "round", "deal"])
    op.create_table(
        "deals",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("stage", sa.Text, sa.ForeignKey("stages.id"), nullable=False),
        sa.Column("pipeline", sa.Text, sa.Computed("substr(stage, 1, instr(stage, '.') - 1)", persisted=False)),
        sa.Column("entry", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("entered_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger),
        sa.Column("origin", sa.Text),
        sa.Column("origin_tunnel", sa.Text),
        sa.Column("_root", sa.Text),
        sa.Column("_hops", sa.Text),
        sa.Column("_imported", sa.Text),
    )
    op.create_index("deals_stage", "deals", ["stage"])
    op.create_table(
        "firings",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("deal", sa.Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("tunnel", sa.Text, nullable=False),
        sa.Column("shadow", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("from_stage", sa.Text, nullable=False),
        sa.Column("to_stage", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("fired_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("_lineage", sa.Text),
        sa.Column("_retry", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.UniqueConstraint("deal", "entry", "tunnel", "shadow", name="firings_once"),
    )
    op.create_index(
        "firings_lineage", "firings", ["_lineage", "fired_at"], sqlite_where=sa.text("_lineage IS NOT NULL")
    )
    op.create_index("firings_parked", "firings", ["deal"], sqlite_where=sa.text("result = 'parked'"))
    op.create_table(
        "activity",
        sa.Column("tunnel", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("firings", sa.Integer, nullable=False),
    )
