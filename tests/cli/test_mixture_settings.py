from __future__ import annotations

import pytest

from mixtura.cli.mixture_settings import check_settings, family_settings
from mixtura.cli.mixtures import FAMILIES, mixture_class
from mixtura.errors import InputError


@pytest.mark.parametrize("family", FAMILIES)
def test_settings_are_parameters_of_the_estimator(family: str) -> None:
    settings = family_settings(family, None, None, "squarem", None)
    assert set(settings) <= set(mixture_class(family)().get_params())
    assert (
        mixture_class(family)(**settings).get_params() | settings
        == mixture_class(family)(**settings).get_params()
    )


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (("poisson", "full", None, "none", None), "--covariance"),
        (("bernoulli", None, 0.1, "none", None), "--reg-covar"),
        (("gaussian", None, None, "none", 0.5), "--binarise 0.5"),
    ],
)
def test_what_a_family_does_not_have(asked: tuple[str, str, float, str, float], word: str) -> None:
    with pytest.raises(InputError, match=f"{word} .*leave it out"):
        family_settings(*asked)


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((0, 0, 1, 1, 0.0, None), "--components 0"),
        ((1, -1, 1, 1, 0.0, None), "--seed -1"),
        ((1, 2**32, 1, 1, 0.0, None), "--seed"),
        ((1, 0, 0, 1, 0.0, None), "--starts 0"),
        ((1, 0, 1, 0, 0.0, None), "--max-iter 0"),
        ((1, 0, 1, 1, -0.5, None), "--tol -0.5"),
        ((1, 0, 1, 1, 0.0, -1.0), "--reg-covar -1"),
    ],
)
def test_numbers_out_of_range(numbers: tuple[int, int, int, int, float, float], word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_settings(*numbers)
    check_settings(1, 0, 1, 1, 0.0, 0.0)
