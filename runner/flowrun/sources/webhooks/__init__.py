"""Telling webhooks of firings, as Standard Webhooks has it (https://www.standardwebhooks.com).

`message` is what is told, and under which id; `signing` signs it; `post` sends it; `postman` carries what is due, and
`beside` has one in a thread beside the runner.
"""
