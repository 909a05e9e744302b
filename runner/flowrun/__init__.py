"""flowrun: sales funnels and tunnels as code.

The package is arranged in floors; each imports only those below it (see CONTRIBUTING.md and the
import contracts in pyproject.toml). The command line lives in `flowrun.cli`.
"""

__version__ = "0.1.0"
