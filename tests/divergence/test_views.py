from __future__ import annotations

import pytest
import torch

from mixtura.divergence.sampling import draw
from mixtura.divergence.views import View, entry, single


@pytest.mark.parametrize(("after", "index"), [(0, 2), (0, 0), (1, 1)])
def test_an_entry_is_that_of_the_batch(families, family, after, index) -> None:
    whole = families(family, (2, 3))
    one = entry(whole, index, after=after)
    at = (slice(None), index) if after == 0 else (index,)
    assert one.batch_shape == ((2,) if after == 0 else (3,))
    points = draw(whole, 5)
    expected = whole.log_prob(points)[(slice(None), *at)]
    torch.testing.assert_close(one.log_prob(points[(slice(None), *at)]), expected)
    assert draw(one, 4).shape == (4, *one.batch_shape, *whole.event_shape)


def test_a_single_is_undone_by_its_entry(families, family) -> None:
    whole = families(family, (2,))
    widened = single(whole)
    assert widened.batch_shape == (2, 1)
    points = draw(whole, 5)
    beside = points.unsqueeze(2)
    torch.testing.assert_close(widened.log_prob(beside).squeeze(-1), whole.log_prob(points))
    back = entry(widened, 0)
    torch.testing.assert_close(back.log_prob(points), whole.log_prob(points))
    assert draw(widened, 4).shape == (4, 2, 1, *whole.event_shape)


@pytest.mark.parametrize("name", ["power of gamma", "continuous bernoulli", "multinomial"])
def test_a_view_looks_like_what_it_shows(families, name) -> None:
    whole = families(name, (2, 3))
    view = entry(whole, 1)
    assert isinstance(view, View)
    assert view.has_rsample == whole.has_rsample
    if name != "power of gamma":
        torch.testing.assert_close(view.mean, whole.mean[:, 1])
        torch.testing.assert_close(view.variance, whole.variance[:, 1])
    wide = view.expand((4, 2))
    assert draw(wide, 5).shape == (5, 4, 2, *whole.event_shape)
    points = draw(wide, 5)
    torch.testing.assert_close(wide.log_prob(points)[:, 0], view.log_prob(points[:, 0]))
