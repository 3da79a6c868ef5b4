"""The report of the quickstart, made small, in a real browser."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
from spline_fc.analysis.report import SECTIONS

from configs import friedman1
from spline_fc import pipeline

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
SECONDS = 120
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# Appended to copies of the page: what a reader would see, as numbers.
MEASURE = """<script>
const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
const out = {
  sections: Object.fromEntries([...document.querySelectorAll('section, #warnings')]
    .map(e => [e.id, box(e)])),
  figures: [...document.querySelectorAll('svg[role=img]')].map(e => box(e)),
  texts: [...document.querySelectorAll('svg[role=img]')].map(e => {
    const r = e.getBoundingClientRect();
    return [...e.querySelectorAll('text')].filter(t => {
      const b = t.getBoundingClientRect();
      return b.left < r.left - 2 || b.right > r.right + 2 || b.top < r.top - 2 ||
             b.bottom > r.bottom + 2; }).map(t => t.textContent); }),
  overlaps: [...document.querySelectorAll('svg[role=img]')].map(e => {
    const all = [...e.querySelectorAll('text')].filter(t => t.textContent.trim())
      .map(t => [t.textContent, t.getBoundingClientRect()]);
    return all.flatMap(([one, a], i) => all.slice(i + 1).filter(([, b]) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3).map(([two]) => [one, two])); }),
  width: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  fetched: performance.getEntriesByType('resource').map(e => e.name)
    .filter(name => !name.startsWith('data:')),
};
const p = document.createElement('pre'); p.id = 'measured'; p.textContent = JSON.stringify(out);
document.body.append(p);
</script></body>"""


class Opened(NamedTuple):
    """What a browser made of a page."""

    dom: str
    console: list[str]  # lines that the page wrote to the console, errors among them


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> pathlib.Path:
    """The quickstart with fewer rows, epochs, seeds and learning rates."""
    config = friedman1.get_config()
    with config.unlocked():
        config.data.update({"num_train": 300, "num_validation": 100, "num_test": 100})
    config.fit.max_terms = 13
    config.network.hidden_sizes = (16, 16)
    config.training.epochs = 4
    config.training.warmup_epochs = 1
    config.learning_rates = (1e-3, 1e-2)
    config.seeds = 2
    return pipeline.run(config, tmp_path_factory.mktemp("runs") / "quickstart")


@pytest.fixture(scope="module")
def opened(report, tmp_path_factory) -> Opened:
    return open_page(report, tmp_path_factory.mktemp("browser"))


def open_page(page: pathlib.Path, profile: pathlib.Path, width: int = 1280) -> Opened:
    """Opens a file headless, without any host to be found, and returns what came of it."""
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}",
        "--enable-logging=stderr", "--v=0", f"--window-size={width},900",
        "--virtual-time-budget=2000", "--dump-dom", page.resolve().as_uri(),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        dom, log = process.communicate(timeout=SECONDS)
    finally:
        if process.poll() is None:  # its children would hold the pipes open
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 0, log.decode(errors="replace")[-2000:]
    lines = log.decode(errors="replace").splitlines()
    return Opened(dom.decode(), [line for line in lines if "CONSOLE" in line])


def changed(page: pathlib.Path, folder: pathlib.Path, old: str, new: str) -> pathlib.Path:
    """A copy of a page in which something was replaced."""
    text = page.read_text(encoding="utf-8")
    assert old in text
    copy = folder / "copy.html"
    copy.write_text(text.replace(old, new, 1), encoding="utf-8")
    return copy


def sections(dom: str) -> set[str]:
    """The ids of the sections that a browser has built."""
    return set(re.findall(r'<section id="([^"]+)"', dom))


def measured(page: pathlib.Path, folder: pathlib.Path, width: int) -> dict:
    """Boxes of sections, figures and texts as the browser lays them out."""
    dom = open_page(changed(page, folder, "</body>", MEASURE), folder / "profile", width).dom
    return json.loads(re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)[1])


def test_opens_without_a_word_on_the_console(opened):
    assert opened.console == []


def test_every_section_is_there(opened):
    assert sections(opened.dom) == set(SECTIONS)
    assert 'id="warnings"' in opened.dom


def test_page_is_light_and_fetches_nothing(report):
    assert report.stat().st_size < 5_000_000
    fetching = _Addresses()
    page = report.read_text(encoding="utf-8")
    fetching.feed(page)
    assert fetching.found == []
    assert re.findall(r"url\(\s*['\"]?(?!#|data:)[^)]*", page) == [] and "@import" not in page


def test_every_section_and_figure_has_room_and_its_words(report, tmp_path):
    seen = measured(report, tmp_path, 1280)
    assert set(seen["sections"]) == set(SECTIONS) | {"warnings"}
    assert all(min(box) > 20 for box in seen["sections"].values())
    assert len(seen["figures"]) >= 8 and all(min(box) > 100 for box in seen["figures"])
    assert not any(seen["texts"])  # no label runs out of its figure
    assert not any(seen["overlaps"])  # or lies on another
    assert seen["width"][0] <= seen["width"][1]  # nothing to scroll sideways
    assert seen["fetched"] == []


def test_narrow_screens_scroll_figures_not_the_page(report, tmp_path):
    seen = measured(report, tmp_path, 500)
    assert seen["width"][0] <= seen["width"][1]


def test_a_broken_page_is_noticed(report, tmp_path):
    """That the tests above can fail: an error, and a section that is missing."""
    thrown = changed(report, tmp_path, "</body>", "<script>nowhere.found();</script></body>")
    assert any("nowhere" in line for line in open_page(thrown, tmp_path / "a").console)
    lost = changed(report, tmp_path, '<section id="knots">', "<!-- <section> -->")
    assert sections(open_page(lost, tmp_path / "b").dom) == set(SECTIONS) - {"knots"}


class _Addresses(HTMLParser):
    """Gathers what a browser would fetch while it opens a page."""

    LOADING = ("src", "href", "xlink:href", "srcset", "poster", "data", "action")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            inside = (value or "").startswith(("#", "data:"))
            if name in self.LOADING and tag != "a" and not inside:
                self.found.append(f"<{tag} {name}={value}>")

    handle_startendtag = handle_starttag
