"""Mixed tables: held-out log p(x) and groups of the GM-VAE, beside EM with the same families and a VAE.

    MIXTURA_DATA=... python benchmarks/mixed.py [--seeds 0-2] [--tables heart,credit] [--out FILE]

Rows without a gap; a fifth of them is held out, by the seed. Measurements are standardised before, so that a
floor of 0.05 standard deviations is the same for all: `std_floor` here, the square root of `reg_covar` there.
EM has as many groups as there are labels, and the number up to 12 that BIC chooses. Labels score and choose
nothing.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _figures import over_seeds, parse_seeds, show, show_rows, write

from mixtura import GMVAE, VAE, MixedMixture, runtime
from mixtura.clustering import ari

TABLES = {
    "heart": ("heart_disease_mixed", "diameter narrowing"),
    "penguins": ("penguins", "species"),
    "credit": ("credit_data", "Status"),
    "votes": ("housevotes84", "Class"),
}
FLOOR, MOST = 0.05, 12
KEYS = ("table", "seed", "n", "k", "gmvae", "vae", "em", "em_bic", "k_bic", "ari", "ari_em", "seconds")


def read(folder: Path, name: str) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Return complete rows without their labels, and these."""
    file, label = TABLES[name]
    table = pd.read_parquet(folder / f"{file}.parquet").drop(columns="rownames", errors="ignore")
    table = table.dropna().reset_index(drop=True)
    if label not in table.columns:
        label = str(table.columns[-1])
    return table.drop(columns=label), table[label].astype("category").cat.codes.to_numpy()


def run(name: str, table: pd.DataFrame, labels: np.ndarray[Any, Any], seed: int) -> dict[str, Any]:
    """Return the figures of one table and seed."""
    held_out = np.random.default_rng(seed).permutation(len(table)) < len(table) // 5
    train, test = (table[part].reset_index(drop=True) for part in (~held_out, held_out))
    k = len(np.unique(labels))
    found = VAE(likelihood="mixed", max_epochs=1, random_state=seed).fit(train).families_
    assert found is not None
    families = dict(zip(table.columns, found, strict=True))
    measured = [column for column, family in families.items() if family == "gaussian"]
    mean, sd = train[measured].mean(), train[measured].std(ddof=0)
    train, test = (
        part.assign(**{c: (part[c] - mean[c]) / sd[c] for c in measured}) for part in (train, test)
    )
    started = time.perf_counter()
    options: dict[str, Any] = {"likelihood": "mixed", "families": families, "std_floor": FLOOR}
    model = GMVAE(k, **options, random_state=seed).fit(train)
    seconds = time.perf_counter() - started
    shared: dict[str, Any] = {
        "families": families,
        "reg_covar": FLOOR**2,
        "n_init": 5,
        "random_state": seed,
        "handle_unknown": "missing",
    }
    mixtures = {size: MixedMixture(size, **shared).fit(train) for size in range(1, MOST + 1)}
    chosen = min(mixtures, key=lambda size: mixtures[size].bic(train))
    return {
        "table": name,
        "seed": seed,
        "n": len(train),
        "k": k,
        "gmvae": model.score(test),
        "vae": VAE(**options, random_state=seed).fit(train).score(test),
        "em": mixtures[k].score(test),
        "em_bic": mixtures[chosen].score(test),
        "k_bic": chosen,
        "ari": ari(labels[held_out], model.predict(test)),
        "ari_em": ari(labels[held_out], mixtures[k].predict(test)),
        "seconds": seconds,
    }


def main() -> None:
    """Fit, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--tables", default=",".join(TABLES), help="some of: " + ", ".join(TABLES))
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there are no tables to run on")
        return
    rows: list[dict[str, Any]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in arguments.tables.split(","):
            table, labels = read(Path(os.environ["MIXTURA_DATA"]), name)
            for seed in parse_seeds(arguments.seeds):
                rows.append(run(name, table, labels, seed))
                show_rows(rows[-1:], KEYS)
    summary = {}
    for name in arguments.tables.split(","):
        own = [row for row in rows if row["table"] == name]
        ahead = {
            other: over_seeds(row["gmvae"] - row[other] for row in own) for other in ("vae", "em", "em_bic")
        }
        summary[name] = {"ari": over_seeds(row["ari"] for row in own)} | ahead
        for other, values in ahead.items():
            show(f"{name} ahead of {other}", values)
    write(arguments.out, {"runs": rows, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
