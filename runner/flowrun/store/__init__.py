"""Where deals, journal and revisions live: tables, connections, transactions and migrations.

SQLite is the embedded store. Everything above speaks SQLAlchemy Core to the tables of `store.tables` and opens
transactions through `store.connection.Store`; nothing above knows a driver.
"""
