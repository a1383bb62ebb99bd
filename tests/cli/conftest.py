"""A small estimator in GMVAE's place, so that the verbs are tested without training."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

import mixtura
from mixtura.cli import main
from mixtura.errors import ConstantColumnWarning, ModelFileError, TrainingError
from mixtura.findings import Finding
from mixtura.free_energy import FreeEnergy


class Ended(NamedTuple):
    """How a call of the command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)

    def assert_refused(self, *words: str) -> None:
        """Assert one line on stderr that holds every word, exit code 2 and nothing on stdout."""
        assert self.code == 2, self
        assert self.out == "", self
        assert self.err.count("\n") == 1 and self.err.startswith("mixtura: error: "), self.err
        for word in words:
            assert word in self.err, self.err


class FakeEstimate(NamedTuple):
    mean: float
    standard_error: float
    effective_sample_size: float
    n_samples: int
    per_row: np.ndarray


class FakeGMVAE:
    """Groups by quantiles of the first column; a drop-in for what the command asks of GMVAE."""

    trouble: BaseException | None = None
    saved: ClassVar[list[FakeGMVAE]] = []
    n_epochs_ = 100
    families_ = categories_ = None

    def __init__(
        self, n_components: int = 8, *, callback: Callable[..., None] | None = None, **settings: Any
    ):
        self.n_components, self.callback, self.settings = n_components, callback, settings

    def __getattr__(self, name: str) -> Any:
        settings = self.__dict__.get("settings", {})
        if name in settings:
            return settings[name]
        raise AttributeError(name)

    def fit(self, X: Any) -> FakeGMVAE:
        names = getattr(X, "column_names", None)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        X = np.asarray(X)
        self.n_features_in_, self.image_shape_ = X.shape[1], self.settings.get("image_shape")
        self.centres = np.quantile(X[:, 0].astype(float), np.linspace(0.1, 0.9, self.n_components))
        terms = {"reconstruction": -1.0, "cluster": 0.25, "conditional_prior": 0.5}
        self.history_ = []
        for epoch in range(1, self.n_epochs_ + 1):
            line = {"stage": "joint", "epoch": epoch, "of": self.n_epochs_, "bound": -1.75, **terms}
            self.history_.append(line)
            if self.callback is not None:
                self.callback(line)
            if epoch == 3 and FakeGMVAE.trouble is not None:
                raise FakeGMVAE.trouble
        if self.callback is not None:
            self.callback({"stage": "joint", "message": "3 rows changed their group"})
        warnings.warn(ConstantColumnWarning("column 'c' holds one value"), stacklevel=2)
        self.bound_ = FreeEnergy({"reconstruction": -1.0}, {"cluster": 0.25, "conditional_prior": 0.5})
        self.findings_ = (Finding("near-groups", "warning", "two groups are near", "ask for fewer"),)
        self.seed_, self.latent_dim_, self.gap_ = self.settings.get("random_state", 0), 2, None
        self.device_, self.precision_ = "cpu", "32-true"
        self.means_ = np.stack([self.centres, -self.centres], axis=1)
        self.labels_ = self.predict(X)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        distance = (np.asarray(X)[:, :1].astype(float) - self.centres) ** 2
        weights = np.exp(-(distance - distance.min(axis=1, keepdims=True)))
        return weights / weights.sum(axis=1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.predict_proba(X).argmax(axis=1)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(X)[:, :2].astype(float) @ np.eye(np.asarray(X)[:, :2].shape[1], 2)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(codes)[:, :1], self.n_features_in_, axis=1)

    def sample(
        self, n: int, component: int | None = None, *, random_state: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(random_state)
        groups = generator.integers(0, self.n_components, n) if component is None else np.full(n, component)
        return self.centres[groups][:, None] + np.zeros((n, self.n_features_in_)), groups

    def log_likelihood(self, X: np.ndarray, n_samples: int | None = None) -> FakeEstimate:
        per_row = -np.abs(np.asarray(X)[:, 0].astype(float))
        return FakeEstimate(float(per_row.mean()), 0.01, 12.5, n_samples or 64, per_row)

    def save(self, folder: Path) -> None:
        folder.mkdir()
        self.callback = None
        FakeGMVAE.saved.append(self)
        (folder / "weights.safetensors").write_bytes(b"")
        (folder / "model.json").write_text(str(len(FakeGMVAE.saved) - 1))

    @classmethod
    def load(cls, folder: Path) -> FakeGMVAE:
        if not (folder / "model.json").is_file():
            raise ModelFileError(f"'{folder / 'model.json'}' is missing; copy the whole folder again")
        return FakeGMVAE.saved[int((folder / "model.json").read_text())]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeGMVAE]:
    """Put the fake in GMVAE's place; set ``fake.trouble`` to have its training fail."""
    monkeypatch.setattr(mixtura, "GMVAE", FakeGMVAE, raising=False)
    monkeypatch.setattr(FakeGMVAE, "trouble", None)
    return FakeGMVAE


@pytest.fixture
def training_error() -> TrainingError:
    return TrainingError("reconstruction is not finite in epoch 3; lower learning_rate")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command in this process."""

    def run(*words: object) -> Ended:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Ended(code, *capsys.readouterr())

    return run


def write_rows(folder: Path) -> Path:
    """Write 40 rows of 3 columns and a class to a CSV file."""
    generator = np.random.default_rng(0)
    groups = np.repeat([0, 1], 20)
    values = generator.normal(groups[:, None] * 10.0, 1.0, (40, 3))
    lines = [f"{a:.6f},{b:.6f},{c:.6f},{'uv'[g]}" for (a, b, c), g in zip(values, groups, strict=True)]
    file = folder / "rows.csv"
    file.write_text("\n".join(["a,b,c,class", *lines]) + "\n")
    return file


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the rows into an empty folder and make it the current one."""
    monkeypatch.chdir(tmp_path)
    return write_rows(tmp_path)


@pytest.fixture(scope="session")
def fitted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit the fake to the rows, once, and return the run folder."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixtura, "GMVAE", FakeGMVAE, raising=False)
        words = ["fit", str(write_rows(folder)), "-k", "2", "--labels", "class", "--quiet"]
        assert main([*words, "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture
def run_folder(fake: type[FakeGMVAE], rows: Path, fitted_once: Path) -> Path:
    """Return a copy of a run folder beside its rows, with the fake in GMVAE's place."""
    return Path(shutil.copytree(fitted_once, rows.parent / "run"))
