"""EM on files larger than memory: seconds a row and peak memory, from ten thousand rows to ten million.

Makes a file of 16 columns in a temporary folder, and gives each run a process of its own, whose peak memory
is then its own. The pages of a memory map count as long as nothing else needs them; the last column
is without them. Seconds are of the processor, all threads together.

    python benchmarks/em_stream.py --rows 10000 100000 1000000 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

D = 16
FORMS = {"parquet": ".parquet", "map": ".npy"}
_CHUNK = 100_000


def main() -> None:
    """Print a line for each size and form."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--kind", default="full", help="the covariance type")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(Path(arguments.one), arguments)))
        return
    print(f"{arguments.kind}, {D} columns, {arguments.components} components, one thread")
    print(f"{'rows':>10} {'form':>8} {'s an iteration':>15} {'us a row':>9} {'peak MB':>8} {'own MB':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for n in arguments.rows:
            for form in arguments.forms:
                path = Path(folder) / f"rows{FORMS[form]}"
                write(path, n)
                # Short runs are repeated, so that each lasts long enough to be timed.
                repeats = arguments.iterations * max(1, 10**5 // n)
                command = [sys.executable, __file__, "--one", str(path), "--iterations", str(repeats)]
                command += ["--components", str(arguments.components), "--kind", arguments.kind]
                run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                seconds = run["seconds"]
                print(
                    f"{n:>10} {form:>8} {seconds:>15.4f} {seconds / n * 1e6:>9.3f} {run['peak']:>8.0f} "
                    f"{run['own']:>7.0f}",
                    flush=True,
                )
                path.unlink()


def write(path: Path, n: int) -> None:
    """Write n rows of a mixture, a chunk at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    centres = rng.normal(scale=4.0, size=(16, D))
    chunks = (
        centres[rng.integers(16, size=size)] + rng.normal(size=(size, D))
        for size in [_CHUNK] * (n // _CHUNK) + [n % _CHUNK] * (n % _CHUNK > 0)
    )
    if path.suffix == ".npy":
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(n, D))
        at = 0
        for chunk in chunks:
            out[at : at + len(chunk)] = chunk
            at += len(chunk)
        out.flush()
        return
    names = [f"x{j}" for j in range(D)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=False) as writer:
        for chunk in chunks:
            writer.write_table(pa.table(dict(zip(names, chunk.T.copy(), strict=True)), schema=schema))


def measured(path: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of an iteration and the peak memory of a run, in MB."""
    from mixtura.em.engine import run_em
    from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
    from mixtura.em.parquet_source import ParquetSource
    from mixtura.em.source import ArraySource, Source
    from mixtura.em.starts import start

    source: Source = (
        ArraySource(np.load(path, mmap_mode="r")) if path.suffix == ".npy" else ParquetSource(path)
    )
    k = arguments.components
    family = COVARIANCE_TYPES[arguments.kind](k, D)
    covariances = {"full": np.tile(np.eye(D), (k, 1, 1)), "tied": np.eye(D), "spherical": np.ones(k)}
    reference = GaussianParameters(np.zeros((k, D)), covariances.get(arguments.kind, np.ones((k, D))))
    own = _OwnMemory()
    theta = start(family, source, "k-means++", np.random.default_rng(0), reference=reference)
    run_em(family, source, theta, criterion=lambda bounds: None, max_iter=1)
    began = time.process_time()
    run_em(family, source, theta, criterion=lambda bounds: None, max_iter=arguments.iterations)
    seconds = (time.process_time() - began) / arguments.iterations
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "own": own.stop()}


class _OwnMemory:
    """Watches the resident memory that is not a file's, which Linux tells."""

    def __init__(self) -> None:
        self._peak, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self._peak = max(self._peak, int(line.split()[1]) / 1024)

    def stop(self) -> float:
        self._done.set()
        self._thread.join()
        return self._peak


if __name__ == "__main__":
    main()
