"""Deals in files: CSV, JSON Lines and YAML, one file or a folder of them, watched and written back.

    options → kind ─ opens → source ┬ folder: which files there are; waking: that something stirs
                                    ├ looking: a file at rest, read into an index of its rows (`rows`)
                                    ├ tables, lines, documents: what a row says, and how it is said anew, by format
                                    ├ census, given: which deals there are, and what flowrun was told already
                                    ├ orders: what becomes of firings, and the patches that make it so
                                    └ rewriting: the new content in the old one's place, or not at all
    layout says which column is what; encoding is bytes and texts. overlay is a source whose firings go to an output.

Two rules carry the rest. A file is taken only at rest, and what looks like an accident (half a file, most rows gone) is
waited for and then told, never obeyed. And a file is changed by patches of bytes: what no patch names stays as it is.
"""

from flowrun.sources.files.kind import KIND

__all__ = ["KIND"]
