from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

from mixtura import runtime
from mixtura.errors import InputError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def fresh_flags():
    """Forget what was read of the processor, before and after."""
    runtime._processor.cache_clear()
    yield
    runtime._processor.cache_clear()


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 avx512f avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16 amx_bf16\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu sse2 avx2\n", False),
        ("flags\t\t: fpu notbf16\nflags: avx512_bf16\n", False),
        ("", False),
    ],
)
def test_fast_bfloat16_is_read_from_the_flags(cpuinfo, expected, monkeypatch, fresh_flags) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, **kwargs: cpuinfo)
    assert runtime.has_fast_bfloat16_cpu() is expected


def test_a_matrix_unit_is_more_than_vectors(monkeypatch, fresh_flags) -> None:
    flags = "flags\t\t: fpu avx512_bf16"
    monkeypatch.setattr(Path, "read_text", lambda self, **kwargs: flags)
    assert not runtime.has_matrix_unit()
    runtime._processor.cache_clear()
    flags += " amx_bf16"
    assert runtime.has_matrix_unit()


@pytest.mark.parametrize("before", [False, True])
def test_denormals_are_zero_for_a_while(before) -> None:
    tiny = torch.full((4,), 1e-40)
    torch.set_flush_denormal(before)
    try:
        with pytest.raises(ZeroDivisionError), runtime.flushed_denormals():
            assert not (tiny * 2).any()
            raise ZeroDivisionError
        assert bool((tiny * 2).any()) is not before
    finally:
        torch.set_flush_denormal(False)


def test_fast_bfloat16_is_unknown_where_there_are_no_flags(monkeypatch, fresh_flags) -> None:
    def missing(self: Path, **kwargs: str) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert runtime.has_fast_bfloat16_cpu() is False


@pytest.mark.parametrize(("n_gpus", "expected"), [(0, "cpu"), (1, "cuda")])
def test_auto_takes_a_gpu_where_there_is_one(n_gpus, expected, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_gpus > 0)
    assert runtime.resolve_device("auto").type == expected
    assert runtime.resolve_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "match"), [("tpu", "unknown"), ("meta", "not supported"), ("cuda:7", "not there")]
)
def test_devices_that_cannot_be_had(name, match, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=f"'{name}' is {match}.*; use") as caught:
        runtime.resolve_device(name)
    assert "\n" not in str(caught.value)


def test_a_gpu_is_taken_by_its_number(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert runtime.resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("fast", [True, False])
def test_auto_precision_on_the_cpu(fast, monkeypatch) -> None:
    monkeypatch.setattr(runtime, "has_fast_bfloat16_cpu", lambda: fast)
    large, small = 10**6, 10**3
    assert runtime.resolve_precision("auto", CPU, large) == ("bf16-mixed" if fast else "32-true")
    assert runtime.resolve_precision("auto", CPU, small) == "32-true"
    assert runtime.resolve_precision("bfloat16", CPU, small) == "bf16-mixed"
    assert runtime.resolve_precision("float32", CPU, large) == "32-true"


@pytest.mark.parametrize("in_hardware", [True, False])
def test_auto_precision_on_a_gpu_does_not_count_emulation(in_hardware, monkeypatch) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return in_hardware or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    expected = "bf16-mixed" if in_hardware else "32-true"
    assert runtime.resolve_precision("auto", CUDA, 10**6) == expected


def test_unknown_precision() -> None:
    with pytest.raises(InputError, match="precision 'float16' is unknown; use"):
        runtime.resolve_precision("float16", CPU, 1)


def test_peak_memory_is_in_megabytes_and_never_falls() -> None:
    before = runtime.peak_memory_mb()
    block = torch.ones(30 * 2**20, dtype=torch.uint8)
    after = runtime.peak_memory_mb()
    assert 50 < before <= after < 50_000
    assert len(block) > 0


def test_peak_memory_is_unknown_where_nothing_measures_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert math.isnan(runtime.peak_memory_mb())


def test_describe_names_what_the_bits_depend_on() -> None:
    described = runtime.describe()
    assert described["torch"] == torch.__version__
    assert described["threads"] == torch.get_num_threads()
    assert {"mixtura", "python", "numpy", "scikit-learn", "machine", "cpu_count"} <= set(described)
    assert all(isinstance(value, (str, int)) and value for value in described.values())


def test_matrix_products_get_one_thread_and_the_number_comes_back(monkeypatch) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def numbers() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpool_limits(2, user_api="blas"):
        before = numbers()
        with runtime.one_blas_thread():
            assert set(numbers()) == {1}
        assert numbers() == before
