"""The command as a module: ``python -m mixtura``."""

from __future__ import annotations

import sys

from mixtura.cli import main

if __name__ == "__main__":
    sys.exit(main())
