"""Health and metrics over HTTP, beside a runner: `flowrun run --listen`.

A thread of its own answers; the runner tells it what happens (`engine.events`) and goes on without waiting for it.
What must be asked of the store is asked on a connection of its own that can only read, at most once a second.

`address` reads HOST:PORT, `pulse` is what is known of the runner, `probe` asks the store, `metrics` counts, `app` are
the three pages, `server` runs them, `listening` is what the studio's server needs, too. The packages of the extra
`flowrun[server]` are imported by `metrics`, `app` and `server` alone.
"""
