"""One module a verb: a plain function with typed arguments that returns its result, and prints nothing.

They raise `FlowrunError` where the work can't go on. Printing, asking and exit statuses are the command line's.
"""
