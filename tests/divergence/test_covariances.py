from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mixtura.divergence.covariances import NotSoundError, lower, lower_if_sound, sound
from mixtura.errors import InputError

eye = torch.eye(3, dtype=torch.float64)


def batch_with(entry: torch.Tensor) -> torch.Tensor:
    matrices = eye.expand(2, 4, 3, 3).clone()
    matrices[1, 2] = entry
    return matrices


def changed(i: int, j: int, value: float) -> torch.Tensor:
    matrix = eye.clone()
    matrix[i, j] = value
    return matrix


WRONG = {
    "above the diagonal": (changed(0, 1, 0.5), "not symmetric: two entries .* differ by 0.5"),
    "below the diagonal": (changed(2, 0, 1e-6), "not symmetric: two entries .* differ by 1e-06"),
    "nan above": (changed(0, 1, torch.nan), r"Sigma is nan at \[1, 2, 0, 1\]"),
    "nan below": (changed(1, 0, torch.nan), r"Sigma is nan at \[1, 2, 1, 0\]"),
    "infinite": (changed(1, 1, torch.inf), r"Sigma is inf at \[1, 2, 1, 1\]"),
    "negative": (-eye, r"Sigma at \[1, 2\] is not positive definite: its smallest eigenvalue is -1;"),
    "indefinite": (eye - 0.5, r"its smallest eigenvalue is -0\.5;"),
    "singular": (torch.ones(3, 3, dtype=torch.float64), "not positive definite: its smallest eigenvalue is "),
    "zero": (0 * eye, "its smallest eigenvalue is 0;"),
}


@pytest.mark.parametrize("name", WRONG)
def test_nothing_wrong_passes_and_everything_is_named(name) -> None:
    entry, words = WRONG[name]
    matrices = batch_with(entry)
    with pytest.raises(NotSoundError):
        lower_if_sound(matrices)
    with pytest.raises(InputError, match=words) as caught:
        sound(matrices, "Sigma", may_be_singular=False)
    assert "\n" not in str(caught.value)


def test_a_singular_one_may_be_asked_for() -> None:
    rng = np.random.default_rng(0)
    # The first four variables are nearly independent: rounding is not blown up on its way to the last two.
    tall = torch.from_numpy(0.2 * rng.normal(size=(20, 6, 4)) + np.eye(6, 4))
    matrices, singular = sound(tall @ tall.mT, "Sigma", may_be_singular=True)
    assert singular.all()
    assert torch.linalg.cholesky_ex(matrices).info.eq(0).all()
    # Rounded to float32 such a matrix has an eigenvalue a little below or above zero.
    rounded, singular = sound((tall @ tall.mT).float(), "Sigma", may_be_singular=True)
    assert singular.any()
    assert torch.linalg.cholesky_ex(rounded).info.eq(0).all()
    with pytest.raises(InputError, match="its smallest eigenvalue is -"):
        sound(batch_with(eye - 0.5), "Sigma", may_be_singular=True)


@given(st.integers(0, 2**20), st.integers(1, 8), st.floats(0, 6))
def test_scales_however_unlike_make_no_matrix_singular(seed, d, log_spread) -> None:
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(d, 2 * d + 2))
    scale = 10 ** rng.uniform(-log_spread, log_spread, d)
    matrix = scale[:, None] * (A @ A.T + np.eye(d)) * scale
    tensor = torch.from_numpy((matrix + matrix.T) / 2)
    found = lower_if_sound(tensor)
    torch.testing.assert_close(found.tril @ found.tril.mT, tensor, rtol=1e-11, atol=0)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_asymmetry_of_rounding_is_averaged_away(dtype, rounding) -> None:
    matrix = eye.to(dtype).clone()
    matrix[0, 1] = rounding
    found = lower_if_sound(matrix)
    assert found.source[0, 1] == found.source[1, 0] == pytest.approx(rounding / 2)
    repaired, _ = sound(matrix, "Sigma", may_be_singular=False)
    assert repaired.equal(found.source)
    assert lower(repaired).tril.equal(found.tril)


def test_empty_batches_are_sound() -> None:
    assert lower_if_sound(torch.zeros(0, 3, 3)).tril.shape == (0, 3, 3)
