"""The command as a module: ``python -m mixtura``."""

from __future__ import annotations

from mixtura.cli import main

if __name__ == "__main__":
    main()
