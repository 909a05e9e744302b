"""Copies: a new deal in `to`, the source left where it is."""

from __future__ import annotations

from decimal import Decimal

from tests.unit.engine.kit import world


def test_a_copy_is_a_new_deal_and_the_source_stays() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy}").add("a", title="A", owner="ann", account="acme")
    w.later("1h").run()
    (copy,) = w.copies("a")
    assert (copy.stage, copy.title, copy.owner, copy.fields["account"]) == ("care.kickoff", "A", "ann", "acme")
    assert (copy.origin, copy.origin_tunnel, copy.entry, copy.entered_at) == ("a", "c", 1, w.now)
    assert copy.created_at == copy.updated_at == w.now
    source = w.deal("a")
    assert (source.stage, source.entry, source.entered_at) == ("sales.new", 1, w.instant("2026-03-02T10:00"))


def test_the_id_is_the_lineages_first_and_a_digest_of_origin_tunnel_and_entry() -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy}
    again: {from: care.kickoff, to: care.setup, action: copy}
    """
    ids = [{deal.id for deal in world(tunnels).add("a").run().deals()} for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 3
    assert all(id_ == "a" or (id_.startswith("a~") and len(id_) == 12) for id_ in ids[0])


def test_fields_says_what_comes_along_and_title_and_owner_always_do() -> None:
    tunnels = """
    none: {from: sales.new, to: care.kickoff, action: copy, fields: none}
    some: {from: sales.new, to: care.setup, action: copy, fields: [account]}
    """
    w = world(tunnels).add("a", title="A", owner="ann", account="acme", amount=Decimal(5), paid=True).run()
    taken = {
        copy.origin_tunnel: (
            copy.title,
            copy.owner,
            copy.fields["account"],
            copy.fields["amount"],
            copy.fields["paid"],
        )
        for copy in w.copies("a")
    }
    assert taken == {"none": ("A", "ann", None, None, False), "some": ("A", "ann", "acme", None, False)}


def test_what_a_copy_leaves_behind_is_journalled() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, after: 1h}").add("a").later("3h").run()
    (row,) = w.journal()
    (copy,) = w.copies("a")
    assert (row.tunnel, row.deal, row.entry, row.action) == ("c", "a", 1, "copy")
    assert (row.from_stage, row.to_stage, row.result, row.reason) == ("sales.new", "care.kickoff", "fired", None)
    assert (row.target, row.revision) == (copy.id, 1)
    assert (w.local(row.due_at), w.local(row.fired_at)) == ("2026-03-02T11:00", "2026-03-02T13:00")


def test_a_deleted_source_leaves_its_copies_and_their_origin() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy}").add("a").run().delete("a").run()
    assert [(deal.origin, deal.stage) for deal in w.deals()] == [("a", "care.kickoff")]
    assert w.fired() == [("c", "a")]
