"""A check of the set-up: what `flowrun doctor` looks at, and says.

`finding` is what a check comes to, `patient` is what is looked at: a store that may be missing, older, newer, damaged.
Each check is a small function from the patient to findings, in the module of its kind: `machine`, `server`, `files`,
`tables`, `work`. `checks` is the list of all of them; a check that isn't in the list isn't made.
"""
