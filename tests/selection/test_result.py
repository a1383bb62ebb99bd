from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mixtura import GaussianMixture, select_components


@pytest.fixture(scope="module")
def selection():
    rows = np.random.default_rng(0).normal(size=(40, 2))
    return select_components(rows, [1, 2, 50], estimator=GaussianMixture(), random_state=0)


def test_the_table_is_columns_of_one_length(selection):
    frame = pd.DataFrame(selection.table())
    assert frame.n_components.tolist() == [1, 2, 50] and frame.shape == (3, 14)
    assert frame.bic.iloc[0] == pytest.approx(-80 * frame.bic_per_row.iloc[0])
    assert frame.held_out.isna().tolist() == [False, False, True]


def test_the_figure_has_the_three_scores_and_the_choice(selection):
    ax = selection.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0].startswith("held out") and labels[-1] == f"chosen: K = {selection.best['held_out']}"
    assert labels[1:3] == ["−BIC / 2n", "−ICL / 2n"]


def test_the_figure_of_several_mixtures_has_a_curve_for_each_and_may_be_drawn_into_axes():
    rows = np.random.default_rng(0).normal(size=(40, 2))
    models = {"wide_$1$": GaussianMixture(), "tied": GaussianMixture(covariance_type="tied")}
    selection = select_components(rows, [1, 2], estimator=models, random_state=0)
    from mixtura.plot import new_figure

    own = new_figure().add_subplot()
    assert selection.plot(own) is own
    labels = [text.get_text() for text in own.get_legend().get_texts()]
    assert labels[:2] == ["wide_$1$", "tied"] and labels[2].startswith("chosen: K = ")
