from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from mixtura.cli.fit import default_target, fit
from mixtura.errors import TrainingError
from mixtura.storage.folder import RUN_CONTENTS

pytestmark = pytest.mark.usefixtures("fake")

CONTRACT = {
    *("seed", "n_rows", "n_components", "seconds", "peak_memory_mb"),
    *("bound", "reconstruction", "cluster", "conditional_prior", "log_likelihood", "log_likelihood_se"),
    *("n_features", "latent_dim", "n_epochs", "log_likelihood_rows", "log_likelihood_samples"),
    *("effective_sample_size", "image_shape", "likelihood", "responsibilities", "inference", "procedure"),
    *(
        "device",
        "precision",
        "threads",
        "source",
        "labels",
        "sizes",
        "gap",
        "findings",
        "versions",
        "command",
    ),
}


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_fit_writes_its_run_folder_and_says_what_came_out(call: Callable[..., Any], rows: Path) -> None:
    code, out, err = call("fit", rows, "--components", 2, "--drop", "class", "--out", "run")
    assert code == 0, err
    assert entries(rows.parent) == {"rows.csv", "run"}
    run = rows.parent / "run"
    assert entries(run) == set(RUN_CONTENTS)
    assert "40 rows x 3 columns: 3 continuous" in err
    assert len(err.splitlines()) <= 40
    for words in ("bound", "-1.750 nats per observation", "reconstruction", "cluster", "conditional_prior"):
        assert words in out
    assert "warning: two groups are near; ask for fewer" in out
    assert "mixtura: warning: column 'c' holds one value\n" in err
    assert ["report", "run/report.html"] in [line.split() for line in out.splitlines()]


def test_the_log_holds_one_document_a_line(call: Callable[..., Any], rows: Path) -> None:
    assert call("fit", rows, "--components", 2, "--drop", "class", "--quiet", "--out", "run") == (0, "", "")
    lines = (rows.parent / "run" / "log.jsonl").read_text().splitlines()
    assert len(lines) == 100
    assert json.loads(lines[-1])["epoch"] == 100


def test_json_is_what_metrics_json_holds(call: Callable[..., Any], rows: Path) -> None:
    ended = call("fit", rows, "--components", 2, "--drop", "class", "--json", "--out", "run")
    metrics = json.loads((rows.parent / "run" / "metrics.json").read_text())
    assert ended.document == metrics
    assert set(metrics) == CONTRACT
    assert "joint" in ended.err
    assert metrics["bound"] == pytest.approx(
        metrics["reconstruction"] - metrics["cluster"] - metrics["conditional_prior"]
    )
    assert metrics["sizes"] == [20, 20]
    assert metrics["gap"] is None and metrics["labels"] is None
    assert metrics["command"].startswith("mixtura fit ")
    assert 0 < metrics["seconds"] < 60
    assert metrics["peak_memory_mb"] > 10


def test_labels_score_and_are_not_trained_on(call: Callable[..., Any], rows: Path) -> None:
    ended = call("fit", rows, "--components", 2, "--labels", "class", "--json", "--out", "run")
    assert set(ended.document) == CONTRACT | {"accuracy", "nmi", "ari"}
    assert ended.document["accuracy"] == ended.document["nmi"] == ended.document["ari"] == 1.0
    assert (ended.document["labels"], ended.document["n_features"]) == ("class", 3)
    with np.load(rows.parent / "run" / "summary.npz") as summary:
        assert summary["confusion"].tolist() in ([[20, 0], [0, 20]], [[0, 20], [20, 0]])


def test_scores_are_printed(call: Callable[..., Any], rows: Path) -> None:
    out = call("fit", rows, "--components", 2, "--labels", "class", "--out", "run").out
    for words in ("accuracy", "NMI", "ARI", "1.0000", "for scoring only"):
        assert words in out


def test_the_assignments(call: Callable[..., Any], rows: Path) -> None:
    from pyarrow import parquet

    call("fit", rows, "--components", 3, "--drop", "class", "--out", "run")
    table = parquet.read_table(rows.parent / "run" / "assignments.parquet")
    assert table.column_names == ["row", "component", "probability", "p_0", "p_1", "p_2"]
    assert table["row"].to_pylist() == list(range(40))
    probabilities = np.stack([table[f"p_{k}"].to_numpy() for k in range(3)], axis=1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), table["component"].to_numpy())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_a_default_target_is_named_after_the_data_and_said(call: Callable[..., Any], rows: Path) -> None:
    ended = call("fit", rows, "--components", 2, "--drop", "class")
    assert ended.code == 0
    assert (rows.parent / "rows-mixtura" / "metrics.json").is_file()
    assert "rows-mixtura" in ended.err and "rows-mixtura" in ended.out


def test_default_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.images").mkdir()
    assert default_target("my.images") == "my.images-mixtura"
    assert default_target("a/train-images-idx3-ubyte.gz") == "train-images-idx3-ubyte-mixtura"
    assert default_target(".") == f"{tmp_path.name}-mixtura"
    assert default_target("/") == "data-mixtura"


def test_names_that_are_not_utf_8(call: Callable[..., Any], rows: Path) -> None:
    data = os.fsdecode(b"caf\xe9.csv")
    try:
        rows.rename(data)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    words = (data, "--drop", "class", "--quiet")
    assert call("fit", *words, "-k", 2) == (0, "", "")
    run = default_target(data)
    assert call("report", run, "--quiet") == (0, "", "")
    for ending in (".csv", ".parquet"):
        assert call("assign", run, *words, "--out", f"{run}{ending}") == (0, "", "")


def test_an_existing_folder_is_kept_without_force(call: Callable[..., Any], rows: Path) -> None:
    words = ("fit", rows, "--components", 2, "--drop", "class", "--out", "run")
    assert call(*words).code == 0
    before = (rows.parent / "run" / "metrics.json").read_bytes()
    call(*words, "--seed", 1).assert_refused("run", "--force")
    assert (rows.parent / "run" / "metrics.json").read_bytes() == before
    assert call(*words, "--seed", 1, "--force", "--json").document["seed"] == 1
    assert entries(rows.parent) == {"rows.csv", "run"}


def test_force_spares_what_was_put_into_the_run_folder(call: Callable[..., Any], rows: Path) -> None:
    words = ("fit", rows, "--components", 2, "--drop", "class", "--out", "run")
    assert call(*words).code == 0
    assert call("assign", "run", rows, "--drop", "class", "--out", "run/groups.parquet").code == 0
    call(*words, "--force").assert_refused("'groups.parquet'", "move that away")
    assert (rows.parent / "run" / "groups.parquet").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--components", "0"), "--components 0"),
        (("--components", "-3"), "--components -3"),
        (("--components", "41"), "41 components for 40 rows"),
        (("--components", "2", "--seed", "-1"), "--seed -1"),
        (("--components", "2", "--epochs", "0"), "--epochs 0"),
        (("--components", "2", "--latent", "0"), "--latent 0"),
        (("--components", "2", "--labels", "clas"), "clas"),
        (("--components", "2", "--out", "rows.csv"), "rows.csv"),
        (("--components", "2", "--out", "rows.csv/run"), "rows.csv"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Callable[..., Any], rows: Path, words: tuple[str, ...], said: str
) -> None:
    call("fit", rows, "--drop", "class", *words).assert_refused(said)
    assert entries(rows.parent) == {"rows.csv"}


def test_an_empty_name_is_no_data(call: Callable[..., Any], rows: Path) -> None:
    call("fit", "", "--components", 2).assert_refused("DATA is empty")


def test_training_that_cannot_go_on_is_exit_code_1(
    call: Callable[..., Any], rows: Path, fake: Any, training_error: TrainingError
) -> None:
    fake.trouble = training_error
    code, out, err = call("fit", rows, "--components", 2, "--drop", "class", "--quiet")
    assert (code, out) == (1, "")
    assert err == f"mixtura: error: {training_error}\n"
    assert entries(rows.parent) == {"rows.csv"}


def test_a_bug_is_exit_code_70(call: Callable[..., Any], rows: Path, fake: Any) -> None:
    fake.trouble = ZeroDivisionError("division by\nzero")
    code, out, err = call("fit", rows, "--components", 2, "--drop", "class", "--quiet")
    assert (code, out) == (70, "")
    assert err.startswith("mixtura: bug: ZeroDivisionError: division by zero; ") and err.count("\n") == 1
    assert entries(rows.parent) == {"rows.csv"}


def test_an_interruption_says_that_nothing_was_kept(call: Callable[..., Any], rows: Path, fake: Any) -> None:
    fake.trouble = KeyboardInterrupt()
    code, out, err = call("fit", rows, "--components", 2, "--drop", "class", "--quiet")
    assert (code, out) == (130, "")
    assert err.startswith("mixtura: interrupted; nothing was kept") and err.count("\n") == 1
    assert entries(rows.parent) == {"rows.csv"}


def test_a_signal_that_a_library_swallowed_still_stops(
    call: Callable[..., Any], rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mixtura.cli.progress import PlainProgress

    show, seen = PlainProgress.__call__, []

    def swallow(self: PlainProgress, event: dict[str, Any]) -> None:
        show(self, event)
        seen.append(event)
        if event.get("epoch") == 5:
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(PlainProgress, "__call__", swallow)
    code, _, err = call("fit", rows, "--components", 2, "--drop", "class")
    assert code == 143
    assert seen[-1]["epoch"] == 5
    assert err.splitlines()[-1].startswith("mixtura: stopped by SIGTERM; nothing was kept")
    assert entries(rows.parent) == {"rows.csv"}


def test_every_setting_reaches_the_estimator(
    call: Callable[..., Any], rows: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {
        "--seed": ("random_state", 7),
        "--epochs": ("max_epochs", 9),
        "--latent": ("latent_dim", 3),
        "--likelihood": ("likelihood", "bernoulli"),
        "--responsibilities": ("responsibilities", "amortised"),
        "--inference": ("inference", "wake"),
        "--procedure": ("procedure", "plain"),
        "--covariance": ("covariance_type", "diag"),
        "--weights": ("weights", "learned"),
        "--network": ("network", "mlp"),
        "--start": ("start", "kmeans"),
        "--std-floor": ("std_floor", 0.1),
        "--learning-rate": ("learning_rate", 0.002),
        "--binarise": ("binarise", 0.5),
        "--device": ("device", "cpu"),
        "--precision": ("precision", "float32"),
    }
    words = [str(word) for option, (_, value) in asked.items() for word in (option, value)]
    call("fit", rows, "-k", 2, "--drop", "class", "--transforms", "none", *words, "--quiet")
    settings = fake.saved[-1].settings
    assert {name: settings[name] for name, _ in asked.values()} == dict(asked.values())
    assert settings["transforms"] is None

    from mixtura.estimators import GMVAE

    assert set(settings) <= set(inspect.signature(GMVAE).parameters)


# Settings of the library alone, and options that name none: where rows come from, results go, and the seed.
NO_OPTION = {"batch_size", "hidden"}
NO_SETTING = {"seed", "columns_as", "binarise", "array", "labels", "drop", "out", "force", "json", "quiet"}
RENAMED = {
    "components": "n_components",
    "covariance": "covariance_type",
    "epochs": "max_epochs",
    "latent": "latent_dim",
}


def test_options_and_settings_mirror_each_other() -> None:
    """Each setting has its option and each option its setting, with the same choices and default."""
    from mixtura.vae.settings import Settings

    parameters = set(inspect.signature(fit).parameters) - {"context", "data"}
    options = {RENAMED.get(name, name): name for name in parameters - NO_SETTING}
    assert parameters >= NO_SETTING
    assert set(options) == set(Settings.names()) - NO_OPTION

    defaults = {name: option.default for name, option in inspect.signature(fit).parameters.items()}
    ours = Settings()
    for setting, name in options.items():
        if defaults[name] is not inspect.Parameter.empty:  # --components must be given
            assert getattr(ours, setting) == defaults[name], name

    offered, taken = get_type_hints(fit), get_type_hints(Settings)
    for setting, name in options.items():
        if get_origin(offered[name]) is Literal:
            choices = {None if choice == "none" else choice for choice in get_args(offered[name])}
            assert choices == _choices(taken[setting]), name


def _choices(kind: Any) -> set[Any]:
    """Return the values of a literal type, or of a union of one with None."""
    parts = [kind] if get_origin(kind) is Literal else get_args(kind)
    return {value for part in parts for value in (get_args(part) if part is not type(None) else (None,))}
