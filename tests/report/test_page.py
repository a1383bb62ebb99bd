from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.report import write_page

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "<b>bold & brash</b>",
    "%{x} {{ 7 * 7 }} ${`7`}",
    "<a href='javascript:alert(3)'>here</a>",
    "</style><!--",
]


class Page(HTMLParser):
    """What is in a page: its tags with their attributes, and the text of its scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.inside = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def data(self) -> dict[str, Any]:
        def refuse(token: str) -> None:
            raise AssertionError(f"{token} is no JSON")

        return json.loads(self.scripts[0], parse_constant=refuse)


@pytest.fixture(scope="module")
def digits(digits_folder: Path) -> Page:
    return Page(write_page(digits_folder))


@pytest.fixture(scope="module")
def wine(wine_folder: Path) -> Page:
    return Page(write_page(wine_folder))


@pytest.fixture(scope="module", params=["digits", "wine"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    styles = re.search(r"<style>(.*?)</style>", page.source, re.DOTALL)
    assert styles is not None
    assert "@import" not in styles[1]
    assert "url(" not in styles[1]


def test_the_page_forbids_itself_to_load_and_lets_its_own_scripts_run(page: Page) -> None:
    policy = next(meta["content"] for meta in page.named("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'")
    script_sources = re.search(r"script-src([^;]*);", policy)
    assert script_sources is not None
    assert "unsafe" not in script_sources[1]
    hashes = {
        "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"
        for script in page.scripts[1:]
    }
    assert set(script_sources[1].split()) == hashes


def test_plotly_is_there_once(page: Page) -> None:
    assert len(page.scripts) == 3
    assert page.source.count("plotly.js v") == 1


def test_headings_come_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_picture_and_chart_has_words(page: Page) -> None:
    assert all(image["alt"] for image in page.named("img"))
    charts = [attributes for _, attributes in page.tags if "data-figure" in attributes]
    assert {chart["data-figure"] for chart in charts} == set(page.data["figures"])
    assert all(chart["aria-label"] for chart in charts)


def test_every_link_of_the_contents_leads_somewhere(page: Page) -> None:
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {link["href"][1:] for link in page.named("a")} <= set(names)


def test_pictures_are_shown_for_pictures_and_tables_for_tables(digits: Page, wine: Page) -> None:
    assert len(digits.named("img")) == 10 * 21
    assert not wine.named("img")
    assert "proline" in wine.source


def test_labels_are_said_to_be_for_scoring_only(digits: Page, wine: Page) -> None:
    words = " ".join(" ".join(digits.text).split())
    assert "For scoring only: the labels (target) were never shown to the model." in words
    assert "0.791" in words
    assert "for scoring only" not in " ".join(wine.text).lower()


def test_the_terms_stand_under_their_names(page: Page) -> None:
    words = " ".join(" ".join(page.text).split())
    for name in ("bound", "reconstruction", "cluster", "conditional_prior"):
        assert name in words
    assert "−75.50" in words
    assert "± 0.021" in words
    assert "nats per row" in words


def test_findings_tell_what_to_do(digits: Page, wine: Page) -> None:
    assert "look at its typical rows, or fit with one more component" in digits.source
    assert "no diagnostic was raised" in wine.source


def test_a_page_holds_less_than_six_megabytes(page: Page) -> None:
    assert len(page.source.encode()) < 6e6


@pytest.fixture
def hostile_folder(build_run: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    folder = build_run(
        tmp_path / "run",
        generator.normal(size=(40, len(HOSTILE))),
        n_components=3,
        latent_dim=2,
        names=HOSTILE,
        labels=np.array(HOSTILE)[generator.integers(0, len(HOSTILE), 40)],
        findings=[{"name": name, "level": name, "seen": name, "remedy": name} for name in HOSTILE],
        source=HOSTILE[0],
        command=HOSTILE[1],
        versions={HOSTILE[2]: HOSTILE[3]},
        device=HOSTILE[4],
        likelihood=HOSTILE[5],
        **{HOSTILE[1]: HOSTILE[0]},
    )
    (folder / "log.jsonl").write_text(
        "".join(
            json.dumps({"stage": name, "epoch": i, "bound": -1.0, "message": name}) + "\n"
            for i, name in enumerate(HOSTILE)
        )
    )
    return folder


def test_hostile_names_stay_text(hostile_folder: Path, wine: Page) -> None:
    page = Page(write_page(hostile_folder))
    assert len(page.scripts) == 3
    assert page.scripts[1:] == wine.scripts[1:]
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in wine.tags} | {"ul", "ol", "li", "b"}
    assert not page.named("img")
    assert all(link["href"].startswith("#") for link in page.named("a"))
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for name in HOSTILE:
        assert name in "".join(page.text)


def test_hostile_names_stay_text_inside_the_figures(hostile_folder: Path) -> None:
    page = Page(write_page(hostile_folder))
    assert "<" not in page.scripts[0]
    texts: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(page.data["figures"])
    ours = {"<br>", "<b>", "</b>", "<extra>", "</extra>"}
    assert {tag for text in texts for tag in re.findall("<[^>]*>", text)} <= ours
    assert "&lt;b&gt;bold &amp; brash&lt;/b&gt;" in texts


def test_numbers_that_are_not_finite_do_not_break_the_page(
    build_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = build_run(
        tmp_path / "run",
        np.random.default_rng(0).normal(size=(20, 3)),
        n_components=2,
        latent_dim=2,
        names=["a", "b", "c"],
        bound=float("nan"),
        log_likelihood=float("-inf"),
        log_likelihood_se=float("nan"),
        gap=float("inf"),
    )
    page = Page(write_page(folder))
    assert page.data["figures"]["curves"]
    assert "NaN" not in page.scripts[0]
    assert "–" in page.text


@pytest.mark.parametrize(("rows", "n_components"), [(1, 1), (2, 1), (2, 2), (250, 200)])
@pytest.mark.parametrize("image_shape", [None, (2, 3), (2, 1, 3)])
def test_any_number_of_rows_and_groups_makes_a_page(
    build_run: Callable[..., Path],
    tmp_path: Path,
    rows: int,
    n_components: int,
    image_shape: tuple[int, ...] | None,
) -> None:
    values = np.random.default_rng(0).uniform(size=(rows, 6))
    folder = build_run(
        tmp_path / "run", values, n_components=n_components, latent_dim=min(rows, 3), image_shape=image_shape
    )
    page = Page(write_page(folder))
    assert set(page.data["figures"]) >= {"sizes", "map", "probability", "doubt", "curves"}


def test_heavy_libraries_wait_until_a_page_is_written() -> None:
    program = "import sys, mixtura.report; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert not {"plotly", "jinja2", "pyarrow", "scipy", "sklearn", "PIL"} & set(found.stdout.split())


def test_the_same_folder_gives_the_same_bytes(wine_folder: Path) -> None:
    first = write_page(wine_folder).read_bytes()
    assert write_page(wine_folder).read_bytes() == first
    assert sorted(path.name for path in wine_folder.iterdir()) == [
        "assignments.parquet",
        "log.jsonl",
        "metrics.json",
        "report.html",
        "summary.npz",
    ]


def test_a_damaged_run_leaves_the_old_page(wine_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(wine_folder, tmp_path / "run"))
    page = write_page(folder)
    before = page.read_bytes()
    (folder / "metrics.json").write_text("{")
    with pytest.raises(InputError):
        write_page(str(folder))
    assert page.read_bytes() == before


def test_a_page_that_cannot_be_written_is_said_in_one_line(wine_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(wine_folder, tmp_path / "run", ignore=shutil.ignore_patterns("*.html")))
    (folder / "report.html").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_page(folder)
    assert not list(folder.glob(".report*"))


def test_text_that_no_encoding_knows_does_not_stop_the_page(wine_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(wine_folder, tmp_path / "run"))
    metrics = json.loads((folder / "metrics.json").read_text()) | {"command": "a \ud800 b"}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert "a ? b" in write_page(folder).read_text(encoding="utf-8")
