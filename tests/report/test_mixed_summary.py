from __future__ import annotations

import numpy as np
import pyarrow as pa

from mixtura import GMVAE
from mixtura.report import summarise_mixed


def test_categories_stand_as_their_places_and_have_words(rng) -> None:
    z = np.arange(60) % 2
    table = pa.table({"size": 9.0 * z + rng.normal(size=60), "colour": np.array(["red", "blue"])[z]})
    model = GMVAE(2, likelihood="mixed", max_epochs=20, random_state=0).fit(table)
    probabilities = model.predict_proba(table)
    found = summarise_mixed(
        model,
        table,
        feature_names=["size", "colour"],
        labels=z,
        generator=np.random.default_rng(0),
        responsibilities=probabilities,
        components=model.labels_,
    )
    assert found["categories"].tolist() == [["", ""], ["blue", "red"]]
    assert found["trait_names"].tolist() == ["size", "colour = blue", "colour = red"]
    assert found["samples"].shape == (2, 10, 2) and set(found["samples"][..., 1].ravel()) <= {0.0, 1.0}
    assert found["map"].shape == (60, 2) and np.isfinite(found["map"]).all()
    assert sorted(found["prototypes"][:, 1].tolist()) == [0.0, 1.0]
    assert found["confusion"].sum() == 60
