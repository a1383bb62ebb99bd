from __future__ import annotations

import numpy as np
import pytest

from mixtura.report.plane import find_plane


def blobs(n_components: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    components = generator.integers(0, n_components, 300)
    spread = generator.uniform(0.2, 2.0, width)
    return 4 * generator.normal(size=(n_components, width))[components] + spread * generator.normal(
        size=(300, width)
    ), components


def same_up_to_affine(a: np.ndarray, b: np.ndarray) -> float:
    """Return how badly a column of a is a scaled and shifted column of b."""
    return max(1 - abs(np.corrcoef(a[:, i], b[:, i])[0, 1]) for i in range(2))


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_discriminants_are_those_of_scikit_learn(scale: float) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    codes, components = blobs(5, 4)
    plane = find_plane(codes * scale, components)
    peer = LinearDiscriminantAnalysis(solver="svd").fit(codes, components)
    assert plane.kind == "discriminant"
    assert same_up_to_affine(plane(codes * scale), peer.transform(codes)) < 1e-6
    assert plane.share == pytest.approx(peer.explained_variance_ratio_[:2].sum(), rel=1e-3)


def test_one_unit_is_one_standard_deviation_within_groups() -> None:
    codes, components = blobs(4, 3)
    places = find_plane(codes, components)(codes)
    within = np.mean([places[components == k].var(axis=0) for k in range(4)], axis=0)
    np.testing.assert_allclose(within, 1.0, rtol=0.2)


@pytest.mark.parametrize("n_components", [1, 2])
def test_few_groups_are_seen_in_principal_components(n_components: int) -> None:
    from sklearn.decomposition import PCA

    codes, components = blobs(n_components, 5)
    plane = find_plane(codes, components)
    peer = PCA(2).fit(codes)
    assert plane.kind == "principal"
    assert same_up_to_affine(plane(codes), peer.transform(codes)) < 1e-9
    assert plane.share == pytest.approx(peer.explained_variance_ratio_.sum())


def test_groups_on_one_line_are_seen_in_principal_components() -> None:
    codes = np.array([[0.0, 1.0], [0.0, -1.0], [5.0, 1.0], [5.0, -1.0], [10.0, 1.0], [10.0, -1.0]])
    assert find_plane(codes, [0, 0, 1, 1, 2, 2]).kind == "principal"


def test_one_dimension_is_a_line() -> None:
    plane = find_plane([[1.0], [2.0], [6.0]], [0, 1, 2])
    assert plane.kind == "line"
    np.testing.assert_array_equal(plane([[1.0], [2.0], [6.0]]), [[-2, 0], [-1, 0], [3, 0]])


@pytest.mark.parametrize("codes", [np.zeros((1, 3)), np.zeros((7, 2)), np.full((4, 2), 1e30)])
def test_codes_that_do_not_move_give_finite_places(codes: np.ndarray) -> None:
    plane = find_plane(codes, np.arange(len(codes)) % 4)
    assert np.isfinite(plane(codes)).all()
    assert plane.share == 1.0


def test_a_group_of_one_row_each_is_no_trouble() -> None:
    codes, _ = blobs(5, 3)
    assert np.isfinite(find_plane(codes[:6], np.arange(6))(codes)).all()


def test_the_signs_of_the_axes_are_fixed() -> None:
    codes, components = blobs(5, 4)
    np.testing.assert_allclose(find_plane(codes, components).axes, find_plane(codes, 4 - components).axes)
