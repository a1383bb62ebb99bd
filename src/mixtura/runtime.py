"""What the machine offers, asked in one place: devices, precision, threads, seeds, memory.

No global state of any library is left changed, and torch is imported only when a device is asked for.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mixtura.errors import InputError

if TYPE_CHECKING:
    import torch

_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_ON_INTEL = frozenset({"amx_bf16"})  # by its vectors alone such products took 1.6 times as long as in float32


def has_fast_bfloat16_cpu() -> bool:
    """Return whether this processor multiplies bfloat16 matrices in hardware.

    A flag of the processor is read, never a stop-watch: a timing could fall either way on a busy
    machine, and the same seed would no longer give the same bits.
    """
    vendor, flags = _processor()
    return not flags.isdisjoint(_ON_INTEL if vendor == "GenuineIntel" else _BFLOAT16_FLAGS)


def has_matrix_unit() -> bool:
    """Return whether a unit for tiles of matrices (Intel's AMX) does that, many times as fast as its vectors.

    A product is then over before a second thread would have woken.
    """
    return "amx_bf16" in _processor()[1]


@functools.cache
def _processor() -> tuple[str, frozenset[str]]:
    """Return the vendor and the flags of the first processor, empty where they cannot be read."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", frozenset()
    vendor = ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "vendor_id":
            vendor = value.strip()
        if name.strip() in ("flags", "Features"):
            return vendor, frozenset(value.split())
    return vendor, frozenset()


def resolve_device(device: str) -> torch.device:
    """Return the torch device that ``device`` names.

    Parameters
    ----------
    device : str
        ``"auto"`` (an NVIDIA GPU where there is one, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``.

    Raises
    ------
    InputError
        If the name is unknown or the device is not there.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device {device!r} is unknown; use 'auto', 'cpu' or 'cuda'") from error
    if resolved.type not in {"cpu", "cuda"}:
        raise InputError(f"device {device!r} is not supported; use 'auto', 'cpu' or 'cuda'")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device {device!r} is not there ({torch.cuda.device_count()} GPUs seen); use 'cpu'")
    return resolved


def resolve_precision(
    precision: str, device: torch.device, n_parameters: int
) -> Literal["32-true", "bf16-mixed"]:
    """Return the precision of matrix products under the name that Lightning Fabric gives it.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the processor or GPU has it in hardware and the networks are
        large enough to be bound by arithmetic; densities and statistics stay in float32 or float64.
    device : torch.device
        Where the products run.
    n_parameters : int
        Size of the networks: below 300,000 the casts cost more than the products save.

    Raises
    ------
    InputError
        If the name is unknown.

    Examples
    --------
    >>> import torch
    >>> resolve_precision("float32", torch.device("cpu"), 10**6)
    '32-true'
    """
    if precision not in {"auto", "float32", "bfloat16"}:
        raise InputError(f"precision {precision!r} is unknown; use 'auto', 'float32' or 'bfloat16'")
    if precision == "auto":
        import torch

        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else has_fast_bfloat16_cpu()
        )
        return "bf16-mixed" if fast and n_parameters >= SMALL_NETWORKS else "32-true"
    return "bf16-mixed" if precision == "bfloat16" else "32-true"


SMALL_NETWORKS = 300_000
"""Parameters below which casts to bfloat16, and a second thread, cost more than they save."""


@contextmanager
def threads_for(n_parameters: int) -> Iterator[None]:
    """Run torch on one thread while a small model trains, and give the caller's number back afterwards.

    The matrix products of small networks are over before a second thread has woken, and on a busy machine
    two threads that wait for each other take several times the time of one.

    Examples
    --------
    >>> import torch
    >>> before = torch.get_num_threads()
    >>> with threads_for(1_000):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    with one_torch_thread() if n_parameters < SMALL_NETWORKS else nullcontext():
        yield


@contextmanager
def torch_threads(n: int) -> Iterator[None]:
    """Run torch on so many threads, and give the caller's number back afterwards.

    Examples
    --------
    >>> import torch
    >>> with torch_threads(3):
    ...     torch.get_num_threads()
    3
    """
    import torch

    before = torch.get_num_threads()
    if n == before:
        yield
        return
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run torch on one thread, and give the caller's number back afterwards.

    Where matrix products are NumPy's, the threads of torch spin while they wait for its next operation, and
    the products wait for them: on two cores a step took six times as long.

    Examples
    --------
    >>> import torch
    >>> with one_torch_thread():
    ...     torch.get_num_threads()
    1
    """
    with torch_threads(1):
        yield


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take floats next to zero, below the normal ones, for zero, and give the caller's mode back afterwards.

    Adam's moments of what gets no gradient any more decay until they are denormal, and stay so. Processors
    work on those by microcode: a step of Adam took 15 times as long.

    Examples
    --------
    >>> import torch
    >>> denormal = torch.tensor([1e-40])
    >>> with flushed_denormals():
    ...     float(denormal * 2)
    0.0
    >>> float(denormal * 2) > 0
    True
    """
    import torch

    before = not bool(torch.full((1,), 1e-40) * 2 > 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run NumPy's matrix products on one thread, and give the caller's number back afterwards.

    A product of a few thousand numbers is over before a second thread has woken, and on a busy machine two
    that wait for each other take several times the time of one. The number belongs to the process.

    Examples
    --------
    >>> import numpy as np
    >>> with one_blas_thread():
    ...     bool((np.eye(2) @ np.eye(2) == np.eye(2)).all())
    True
    """
    if n_threads() == 1:
        yield
        return
    with _blas().limit(limits=1):
        yield


@functools.cache
def _blas() -> Any:
    # Looking through the libraries of the process takes milliseconds.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def n_threads() -> int:
    """Return how many threads a library may use: OMP_NUM_THREADS where it is set, else one a processor.

    Examples
    --------
    >>> n_threads() >= 1
    True
    """
    named = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return max(1, int(named)) if named.isdigit() else (os.cpu_count() or 1)


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, in MB (10^6 bytes)."""
    try:
        import resource
    except ImportError:  # Windows has no getrusage; the figure is then unknown, not zero
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) * (1e-6 if sys.platform == "darwin" else 1.024e-3)


def describe() -> dict[str, str | int]:
    """Return what a result's bits depend on besides the seed: versions, processor, threads.

    The threads are those of torch where it is loaded, else those that a library may use.
    """
    from importlib.metadata import version

    from mixtura import __version__

    # What does without torch shall not wait for its import.
    torch = sys.modules.get("torch")
    return {
        "mixtura": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "scikit-learn": version("scikit-learn"),
        "machine": platform.machine(),
        "threads": n_threads() if torch is None else torch.get_num_threads(),
        "cpu_count": os.cpu_count() or 1,
    }
