"""``python -m mixtura.cli``: the command without the console script."""

from __future__ import annotations

import sys

from mixtura.cli import main

if __name__ == "__main__":
    sys.exit(main())
