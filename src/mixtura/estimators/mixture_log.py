"""What a mixture prints while it is fitted, as scikit-learn's mixtures do."""

from __future__ import annotations

from time import perf_counter


class PrintedLog:
    """Lines for ``verbose`` of 0, 1 and more.

    Parameters
    ----------
    verbose : int
        0 prints nothing, 1 what happens, 2 times and changes too.
    interval : int
        Iterations between lines.
    before : float
        F before the first iteration, -inf where there is none.
    """

    def __init__(self, verbose: int, interval: int, before: float) -> None:
        self._verbose, self._interval, self._before = verbose, interval, before
        self._last = before
        self._began = self._lapsed = perf_counter()

    def begin(self, start: int) -> None:
        """Print the number of a start."""
        self._last = self._before
        self._began = self._lapsed = perf_counter()
        if self._verbose:
            print(f"Initialization {start}")

    def step(self, iteration: int, free_energy: float) -> None:
        """Print an iteration, every so many."""
        change, self._last = free_energy - self._last, free_energy
        if not self._verbose or iteration % self._interval:
            return
        now = perf_counter()
        details = f"\t time lapse {now - self._lapsed:.5f}s\t ll change {change:.5f}"
        print(f"  Iteration {iteration}{details if self._verbose > 1 else ''}")
        self._lapsed = now

    def end(self, free_energy: float, converged: bool) -> None:
        """Print how a start ended."""
        if not self._verbose:
            return
        details = f" time lapse {perf_counter() - self._began:.5f}s\t lower bound {free_energy:.5f}."
        outcome = "converged" if converged else "did not converge"
        print(f"Initialization {outcome}.{details if self._verbose > 1 else ''}")
