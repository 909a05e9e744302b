"""Deals in a table or view of a database of the user's: PostgreSQL, MySQL or MariaDB, SQLite.

    options      the keys of `source: {type: sql, …}`
    database     the connection: one engine, its session, and what the database's errors mean
    shape        the table as the database describes it: a closed map from columns to what they are to flowrun
    values       a value of a column as a value of the flow, and back
    rows         rows read as records
    outbox       noticing by triggers and an outbox table; `triggers` is their SQL, `installing` makes and removes them
    comparing    noticing by comparison: of all rows, or of those that a timestamp says are new
    writing      moves and copies, each once
    source       all of it as a `Source`; `kind` is what it is known by

Names of tables and columns come from the database's own description of that very table, and are always quoted; values
are always bound. No SQL of the user's is taken.
"""
