"""The page of `flowrun studio`: pipelines and tunnels as a picture, over the files and the store of one project.

What it does is what the commands do: it edits the files (`config.edits`), and its preview, its apply and its moves of
deals are `commands`' own functions. Nothing reaches live deals any other way.

`launch` is what one launch was given, `folder` the files, `project` what the page is told of them, `editing` their
edits; `live` and `deals` ask the store, `proposals` compare and apply; `events` tells pages what happens; `api` is the
page's way to all of it, `guard` stands before everything, `server` runs it. The packages of the extra
`flowrun[server]` are imported by `guard`, `problems`, `api`, `events` and `server` alone.
"""
