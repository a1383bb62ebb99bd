from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.report import write_page

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The sandbox needs rights that containers lack; the page is our own.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


class Visit:
    """A page opened without a network, and all that it complained about or asked for."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.troubles: list[str] = []
        self.requests: list[str] = []
        context = {"viewport": {"width": 1280, "height": 900}} | context
        self.context = browser.new_context(offline=True, **context)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.troubles.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-charts=drawn]")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def wait_until(self, script: str) -> None:
        # playwright's own wait_for_function uses eval, which the page's policy forbids.
        for _ in range(100):
            if self.ask(script):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"never came true: {script}")


@pytest.fixture(scope="module", params=["digits", "wine"])
def path(request: pytest.FixtureRequest) -> Path:
    return write_page(request.getfixturevalue(f"{request.param}_folder"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_offline_and_draws_every_chart(browser: Any, path: Path, scheme: str) -> None:
    with Visit(browser, path, color_scheme=scheme) as visit:
        assert visit.troubles == []
        assert [url for url in visit.requests if not url.startswith(("data:", "blob:"))] == [path.as_uri()]
        drawn = visit.ask(
            "[...document.querySelectorAll('[data-figure]')].map(place => "
            "[place.dataset.figure, place.querySelectorAll('.trace, .hm, .point').length, place.data.length])"
        )
        assert {name for name, _, _ in drawn} >= {"sizes", "map", "probability", "doubt", "curves"}
        assert all(marks > 0 and traces > 0 for _, marks, traces in drawn), drawn


def test_nothing_sticks_out_at_any_width(browser: Any, path: Path) -> None:
    with Visit(browser, path) as visit:
        for width in (1920, 1280, 1079, 768, 400, 360):
            visit.page.set_viewport_size({"width": width, "height": 800})
            assert visit.ask("document.documentElement.scrollWidth") <= width
            # Charts follow a little later.
            widest = "Math.max(...[...document.querySelectorAll('.main-svg')].map(svg => svg.clientWidth))"
            visit.wait_until(f"{widest} < {width}")


def test_every_row_is_a_point_of_the_map_and_the_legend_hides_groups(
    browser: Any, digits_folder: Path
) -> None:
    with Visit(browser, write_page(digits_folder)) as visit:
        points = "document.querySelectorAll('#chart-map .scatterlayer .point').length"
        assert visit.ask(points) == 1797 + 10
        # The centres come first in the legend, then group 0.
        visit.page.locator("#chart-map .legendtoggle").nth(1).click()
        first = json.loads((digits_folder / "metrics.json").read_text())["sizes"][0]
        visit.wait_until(f"{points} == {1797 + 10 - first}")
        assert visit.troubles == []


def test_the_figures_follow_the_surface(browser: Any, path: Path) -> None:
    colour = "getComputedStyle(document.querySelector('#chart-sizes .xtick text')).fill"
    with Visit(browser, path, color_scheme="light") as visit:
        light = visit.ask(colour)
        visit.page.emulate_media(color_scheme="dark")
        visit.wait_until(f"{colour} !== '{light}'")
        assert visit.ask("getComputedStyle(document.body).backgroundColor") == "rgb(14, 20, 27)"


def test_it_prints_on_white(browser: Any, path: Path) -> None:
    with Visit(browser, path, color_scheme="dark") as visit:
        visit.page.emulate_media(media="print")
        assert visit.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert visit.ask("getComputedStyle(document.querySelector('.contents')).display") == "none"
        assert len(visit.page.pdf()) > 10_000
        assert visit.troubles == []


def test_hostile_names_do_nothing(browser: Any, build_run: Callable[..., Path], tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "<b>bold</b>"]
    folder = build_run(
        tmp_path / "run",
        np.random.default_rng(0).normal(size=(60, 3)),
        n_components=3,
        latent_dim=2,
        names=names,
        source="<svg onload=alert(3)>",
    )
    with Visit(browser, write_page(folder)) as visit:
        labels = visit.ask(
            "[...document.querySelectorAll('#chart-apart .ytick text')].map(t => t.textContent)"
        )
        assert labels == ["<img src=x onerror=aler…", "</script><script>alert(…", "<b>bold</b>"]
        assert visit.ask("document.title").startswith("<svg onload=alert(3)>")
        assert visit.troubles == []


@pytest.mark.parametrize(("rows", "n_components"), [(1, 1), (300, 200)])
def test_one_row_and_many_groups_are_drawn(
    browser: Any, build_run: Callable[..., Path], tmp_path: Path, rows: int, n_components: int
) -> None:
    values = np.random.default_rng(0).uniform(size=(rows, 4))
    folder = build_run(tmp_path / "run", values, n_components=n_components, latent_dim=min(rows, 2))
    with Visit(browser, write_page(folder)) as visit:
        assert visit.troubles == []
        assert visit.ask("document.querySelectorAll('.main-svg').length") > 0
