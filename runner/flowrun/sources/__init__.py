"""Deals in from elsewhere, and out: files of rows now; other sources come with their own modules.

The way of a file into the store:

    textfile → separated (CSV) or jsonl → batches (columns of typed values, and what is wrong) → importing (SQL)
                        mapping and cells say what a column means ┘              rejects ← what was not taken
"""
