"""Write scikit-learn's 1,797 handwritten digits to a file that ``mixtura fit`` reads.

Usage: python digits_file.py digits.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def main(target: Path) -> None:
    """Write the arrays ``images`` (1797, 8, 8), grey levels 0 to 16, and ``target`` (1797,), the digit."""
    digits = load_digits()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not bytes: their levels are taken to run from 0 to 255, and these pixels count 0 to 16.
    np.savez_compressed(target, images=digits.images.astype(np.float32), target=digits.target)
    print(f"{target}: {len(digits.target):,} images of 8 x 8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
