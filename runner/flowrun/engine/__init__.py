"""What makes a flow run: ticks that claim, judge, settle, act and requeue, set-based, inside the database.

Start reading at `tick`. `judge` turns tunnels into SQL, `settle` decides what depends on the order of the deals,
`act` writes, `live` makes a flow the applied revision, `runner` ticks until idle or for ever.
"""
