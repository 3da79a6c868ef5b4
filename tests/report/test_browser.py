"""The report of the quickstart, made small, in a real browser."""

import html
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

from configs import friedman1
from spline_fc import pipeline
from spline_fc.report import write_report
from spline_fc.report.sections import SECTIONS
from tests.report.conftest import make_workdir
from tests.report.pages import with_scores

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
SECONDS = 120
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# Appended to copies of the page: what a reader would see, as numbers. Figures, which are images,
# are put in as elements first, so that their words can be measured.
MEASURE = """<script>
for (const e of document.querySelectorAll('figure img')) {
  const holder = document.createElement('div');
  const bytes = Uint8Array.from(atob(e.src.split(',')[1]), c => c.charCodeAt(0));
  holder.innerHTML = new TextDecoder().decode(bytes);
  const svg = holder.querySelector('svg');
  svg.setAttribute('class', 'figure'); svg.setAttribute('style', 'width: 100%; height: auto');
  e.replaceWith(svg);
}
const box = e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
const drawn = [...document.querySelectorAll('svg.figure')];
const cells = [...document.querySelectorAll('td, th')].filter(e => e.offsetParent);
const lines = (node, from, to) => {
  const range = document.createRange(); range.setStart(node, from); range.setEnd(node, to);
  return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size; };
const split = cells.filter(e => !e.classList.contains('name')).flatMap(e => {
  const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), found = [];
  for (let node; (node = walker.nextNode());)
    for (const m of node.data.matchAll(/[^ \\n]+/g))
      if (lines(node, m.index, m.index + m[0].length) > 1) found.push(m[0]);
  return found; });
const out = {
  sections: Object.fromEntries([...document.querySelectorAll('section, #warnings')]
    .map(e => [e.id, box(e)])),
  figures: drawn.map(box),
  texts: drawn.map(e => {
    const r = e.getBoundingClientRect();
    return [...e.querySelectorAll('text')].filter(t => {
      const b = t.getBoundingClientRect();
      return b.left < r.left - 2 || b.right > r.right + 2 || b.top < r.top - 2 ||
             b.bottom > r.bottom + 2; }).map(t => t.textContent); }),
  overlaps: drawn.map(e => {
    const all = [...e.querySelectorAll('text')].filter(t => t.textContent.trim())
      .map(t => [t.textContent, t.getBoundingClientRect()]);
    return all.flatMap(([one, a], i) => all.slice(i + 1).filter(([, b]) =>
      Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3).map(([two]) => [one, two])); }),
  tables: [...document.querySelectorAll('.table')].map(e => [e.scrollWidth, e.clientWidth]),
  cut: cells.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim()),
  cells: cells.length,
  split: split,
  width: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  fetched: performance.getEntriesByType('resource').map(e => e.name)
    .filter(name => !name.startsWith('data:')),
};
const p = parent.document.createElement('pre'); p.id = 'measured';
p.textContent = JSON.stringify(out); parent.document.body.append(p);
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
        "--virtual-time-budget=2000", "--allow-file-access-from-files",
        "--dump-dom", page.resolve().as_uri(),
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
    """Boxes of sections, figures, texts and cells as the browser lays them out at a width.

    The page stands in a frame of that width: windows have a least one.
    """
    copy = changed(page, folder, "</body>", MEASURE)
    frame = folder / "frame.html"
    frame.write_text(
        f'<body style="margin: 0"><iframe src="{copy.name}" width="{width}" height="900" '
        'style="border: 0"></iframe></body>'
    )
    dom = open_page(frame, folder / "profile", width + 100).dom
    return json.loads(html.unescape(re.search(r'<pre id="measured">(.*?)</pre>', dom, re.S)[1]))


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
    assert seen["fetched"] == []


@pytest.mark.parametrize("width", [1400, 420])
@pytest.mark.parametrize("scores", ["rmse", "classes", "targets"])
def test_tables_are_read_without_scrolling_and_no_number_is_split(tmp_path, width, scores):
    known = {
        "rmse": {"rmse": 1234.5678},
        "classes": {"log_loss": 0.41, "accuracy": 0.8, "auc": 0.9, "calibration_error": 0.03},
        "targets": {f"rmse load of the {place} at noon": 12.3 for place in ("north", "south")},
    }[scores]
    run = make_workdir(tmp_path / "quickstart")
    for name in ("runs", "fits"):
        rows = json.loads((run / f"{name}.json").read_text())
        rows += [row | {"seed": seed} for row in rows if row["seed"] == 0 for seed in (2, 3)]
        rows = [
            with_scores(row, {key: v * (1 + row["seed"] / 7) for key, v in known.items()})
            for row in rows
        ]
        (run / f"{name}.json").write_text(json.dumps(rows))
    seen = measured(write_report(run), tmp_path, width)
    assert seen["cells"] > 60
    assert seen["split"] == [] and seen["cut"] == []
    assert all(inner <= outer for inner, outer in seen["tables"])
    assert seen["width"][0] <= seen["width"][1]  # nothing to scroll sideways


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
