from __future__ import annotations

import dataclasses

import pytest

from mixtura.report.vocabulary import vocabulary

MODELS = [{}, {"likelihood": "bernoulli", "latent_dim": 3}]
FAMILIES = [{"family": name} for name in ("gaussian", "bernoulli", "categorical", "poisson", "mixed", "new")]


@pytest.mark.parametrize("pictures", [False, True])
@pytest.mark.parametrize("metrics", MODELS + FAMILIES)
def test_every_word_is_there(metrics: dict[str, object], pictures: bool) -> None:
    words = vocabulary(metrics, pictures=pictures)
    assert all(dataclasses.asdict(words).values()) or not words.probabilities
    assert set(words.terms) == {"bound", "reconstruction", "cluster", "conditional_prior"}
    assert ("latent" in words.space) == ("family" not in metrics)
    assert words.prototype_sentence.endswith(".") and words.typical.endswith(".")


def test_pictures_of_zeros_and_ones_are_black_and_white() -> None:
    for metrics in ({"likelihood": "bernoulli"}, {"family": "bernoulli"}):
        words = vocabulary(metrics, pictures=True)
        assert words.probabilities and "black" in words.prototype_sentence
