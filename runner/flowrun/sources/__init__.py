"""Deals in from elsewhere, and out again.

A file once, by `deals import`:

    textfile → separated (CSV) or jsonl → batches (columns of typed values, and what is wrong) → importing (SQL)
                        mapping and cells say what a column means ┘              rejects ← what was not taken

A place where deals live, as long as a run lasts (`interface` says what that is, `registry` which kinds there are, each
in a room of its own: `files`, `sql`, or another package):

    courier, both ways in turns ─┬─ intake: pages of records → merging (SQL)
    (beside the runner's loop)   └─ carrier: calls that the engine wrote down → the source → their settlement

Other systems by HTTP: posted → receiving → merging; `webhooks` tell others of firings. `merging` serves all three ways
in, so that a deal means the same whichever way it came.
"""
