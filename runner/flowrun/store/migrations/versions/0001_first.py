"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from flowrun.store import postgresql_times

Text = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    if op.get_bind().dialect.name == "postgresql":
        # The check that a stage is there is a trigger's (`store.postgresql_triggers`).
        references: tuple[sa.ForeignKey, ...] = ()
        pipeline = sa.Computed("split_part(stage, '.', 1)", persisted=True)
        postgresql_times.make_tables(op.get_bind())
    else:
        references = (sa.ForeignKey("stages.id"),)
        pipeline = sa.Computed("substr(stage, 1, instr(stage, '.') - 1)", persisted=False)
    op.create_table(
        "flowrun",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("identity", Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("latest", sa.BigInteger, nullable=False),
        sa.Column("fixed_now", sa.BigInteger),
        sa.Column("revision", sa.Integer),
        sa.Column("environment", Text),
    )
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("applied_at", sa.BigInteger, nullable=False),
        sa.Column("applied_by", Text),
        sa.Column("host", Text),
        sa.Column("git_commit", Text),
        sa.Column("git_dirty", sa.Integer),
        sa.Column("digest", Text, nullable=False),
        sa.Column("flow", Text, nullable=False),
        sa.Column("places", Text, nullable=False),
    )
    op.create_table(
        "stages",
        sa.Column("id", Text, primary_key=True),
        sa.Column("pipeline", Text, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("outcome", Text),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_table(
        "tunnels",
        sa.Column("id", Text, primary_key=True),
        sa.Column("mode", Text, nullable=False),
        sa.Column("digest", Text, nullable=False),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("tripped_at", sa.BigInteger),
        sa.Column("turn", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("fired", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("last_fired_at", sa.BigInteger),
    )
    op.create_table(
        "routes",
        sa.Column("stage", Text, primary_key=True),
        sa.Column("tunnel", Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", Text, nullable=False),
        sa.Column("live_at", sa.BigInteger, nullable=False),
        sa.Column("include", sa.Integer, nullable=False),
    )
    op.create_table(
        "queue",
        sa.Column("deal", Number, primary_key=True, autoincrement=False),
        sa.Column("wake_at", sa.BigInteger, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
    )
    op.create_index("queue_order", "queue", ["wake_at", "round", "deal"])
    op.create_table(
        "deals",
        sa.Column("seq", Number, sa.Identity(), primary_key=True),
        sa.Column("id", Text, nullable=False, unique=True),
        sa.Column("title", Text),
        sa.Column("owner", Text),
        sa.Column("stage", Text, *references, nullable=False),
        sa.Column("pipeline", Text, pipeline),
        sa.Column("entry", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("entered_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger),
        sa.Column("origin", Text),
        sa.Column("origin_tunnel", Text),
        sa.Column("_root", Text),
        sa.Column("_hops", Text),
        sa.Column("_imported", Text),
    )
    op.create_index("deals_stage", "deals", ["stage"])
    op.create_table(
        "firings",
        sa.Column("seq", Number, sa.Identity(), primary_key=True),
        sa.Column("deal", Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("tunnel", Text, nullable=False),
        sa.Column("shadow", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("action", Text, nullable=False),
        sa.Column("from_stage", Text, nullable=False),
        sa.Column("to_stage", Text, nullable=False),
        sa.Column("result", Text, nullable=False),
        sa.Column("target", Text),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("fired_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reason", Text),
        sa.Column("_lineage", Text),
        sa.Column("_retry", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.UniqueConstraint("deal", "entry", "tunnel", "shadow", name="firings_once"),
    )
    made, parked = sa.text("_lineage IS NOT NULL"), sa.text("result = 'parked'")
    op.create_index("firings_lineage", "firings", ["_lineage", "fired_at"], sqlite_where=made, postgresql_where=made)
    op.create_index("firings_parked", "firings", ["deal"], sqlite_where=parked, postgresql_where=parked)
    op.create_table(
        "activity",
        sa.Column("tunnel", Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("firings", sa.Integer, nullable=False),
    )
