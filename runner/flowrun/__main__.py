"""`python -m flowrun`."""

import sys

from flowrun.cli import main

if __name__ == "__main__":  # a process of `flowrun test` imports this module too, under another name
    sys.exit(main())
