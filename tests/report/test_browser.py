"""Reports in a real browser: five kinds of runs, on a wide screen and on a telephone."""

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
from spline_fc.training import CLASS_SCORES
from tests.report.conftest import let_diverge, make_houses, make_workdir
from tests.report.pages import with_scores

RENDERED = True  # see tests/conftest.py
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
SECONDS = 120
WIDTHS = (1400, 420)
RUNS = ("quickstart", "price", "sold", "both", "diverged")
SCORES = {
    "classes": dict.fromkeys(CLASS_SCORES, 0.41),
    "targets": {f"rmse load of the {place} at noon": 1234.56 for place in ("north", "south")},
}
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

# Appended to copies of the page: what a reader would see, as numbers. Figures, which are images,
# are put in as elements first, so that their words can be measured.
MEASURE = """<script>
addEventListener('load', () => {
for (const e of document.querySelectorAll('figure img')) {
  const holder = document.createElement('div');
  const bytes = Uint8Array.from(atob(e.currentSrc.split(',')[1]), c => c.charCodeAt(0));
  holder.innerHTML = new TextDecoder().decode(bytes);
  const svg = holder.querySelector('svg');
  if (!svg) continue;
  svg.setAttribute('class', 'figure'); svg.setAttribute('style', 'width: 100%; height: auto');
  e.closest('picture').replaceWith(svg);
}
const rect = e => e.getBoundingClientRect();
const box = e => { const r = rect(e); return [r.width, r.height]; };
const meet = (a, b, x, y) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > x &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > y;
const said = e => e.tagName + ' ' + (e.textContent || '').trim().slice(0, 60);
const drawn = [...document.querySelectorAll('svg.figure')];
const shown = [...document.querySelectorAll('body *')].filter(e =>
  !e.closest('svg') && !['SCRIPT', 'BR'].includes(e.tagName) && rect(e).width > 0);
const lines = (node, from, to) => {
  const range = document.createRange(); range.setStart(node, from); range.setEnd(node, to);
  return new Set([...range.getClientRects()].map(r => Math.round(r.top))).size; };
const number = /^[^a-z]?[\\[(]?[-+\\u2212]?[0-9][^a-z]*$/i;
const split = shown.filter(e => e.tagName != 'CODE').flatMap(e =>
  [...e.childNodes].filter(node => node.nodeType == 3).flatMap(node =>
    [...node.data.matchAll(/[^ \\n]+/g)].filter(m => number.test(m[0]) &&
      lines(node, m.index, m.index + m[0].length) > 1).map(m => m[0])));
const inside = (e, p) => { const a = rect(e), b = rect(p);
  return a.left >= b.left - 1 && a.right <= b.right + 1; };
const points = path => { const size = path.getTotalLength(), m = path.getScreenCTM();
  return size < 20 ? [] : [...Array(100).keys()].map(i =>
    path.getPointAtLength(size * i / 99).matrixTransform(m)); };
const out = {
  sections: Object.fromEntries([...document.querySelectorAll('section, #warnings')]
    .map(e => [e.id, box(e)])),
  figures: drawn.map(box),
  texts: drawn.flatMap(e => [...e.querySelectorAll('text')].filter(t => {
      const b = rect(t), r = rect(e);
      return b.left < r.left - 2 || b.right > r.right + 2 || b.top < r.top - 2 ||
             b.bottom > r.bottom + 2; }).map(t => t.textContent)),
  shortened: drawn.flatMap(e => [...e.querySelectorAll('text')]
    .map(t => t.textContent).filter(t => t.includes('\u2026'))),
  overlaps: drawn.flatMap(e => {
    const all = [...e.querySelectorAll('text')].filter(t => t.textContent.trim() &&
      !t.closest('[transform*="rotate(-45"]') && !/rotate\\(-45/.test(t.getAttribute('transform')))
      .map(t => [t.textContent, rect(t)]);
    return all.flatMap(([one, a], i) => all.slice(i + 1).filter(([, b]) => meet(a, b, 2, 3))
      .map(([two]) => [one, two])); }),
  covered: drawn.flatMap(e => [...e.querySelectorAll('g[id^=legend]')].flatMap(legend => {
    const r = rect(legend);
    return [...e.querySelectorAll('g[id^=line2d] > path, g[id^=FillBetween] > path')]
      .filter(p => !p.closest('g[id^=legend]')).filter(p => points(p).some(q =>
        q.x > r.left && q.x < r.right && q.y > r.top && q.y < r.bottom)).map(() => legend.id); })),
  cut: shown.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(said),
  outside: shown.filter(e => e.parentElement != document.body && !inside(e, e.parentElement))
    .map(said),
  cells: [...document.querySelectorAll('td')].length,
  split: split,
  width: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  fetched: performance.getEntriesByType('resource').map(e => e.name)
    .filter(name => !name.startsWith('data:')),
};
const p = parent.document.createElement('pre'); p.id = window.name;
p.textContent = JSON.stringify(out); parent.document.body.append(p);
});
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
def pages(report, tmp_path_factory) -> dict[str, pathlib.Path]:
    """The page of each kind of run, and pages of other scores, whose figures are left empty."""
    folder = tmp_path_factory.mktemp("kinds")
    runs = {kind: make_houses(folder / kind / "run", kind) for kind in RUNS[1:4]}
    runs["diverged"] = let_diverge(make_workdir(folder / "diverged"))
    found = {"quickstart": report, **{kind: write_report(run) for kind, run in runs.items()}}
    with pytest.MonkeyPatch.context() as patch:
        empty = "data:image/svg+xml;base64,PHN2Zy8+"
        patch.setattr("spline_fc.report.figures.render", lambda *picture_and_folder: empty)
        for name, scores in SCORES.items():
            found[name] = write_report(with_other_scores(make_workdir(folder / name), scores))
    return found


def with_other_scores(run: pathlib.Path, scores: dict[str, float]) -> pathlib.Path:
    """Gives the rows of a workdir other scores, that differ by seed, and two seeds more."""
    for name in ("runs", "fits", "baselines"):
        rows = json.loads((run / f"{name}.json").read_text())
        rows += [row | {"seed": seed} for row in rows if row["seed"] == 0 for seed in (2, 3)]
        rows = [
            with_scores(row, {key: v * (1 + row["seed"] / 7) for key, v in scores.items()})
            for row in rows
        ]
        (run / f"{name}.json").write_text(json.dumps(rows))
    return run


@pytest.fixture(scope="module")
def seen(pages, tmp_path_factory) -> dict[tuple[str, int], dict]:
    """Boxes of all that is on each page at each width, measured by one browser.

    Pages stand in frames of that width: windows have a least one.
    """
    folder, frames = tmp_path_factory.mktemp("measured"), []
    for name, page in pages.items():
        copy = changed(page, folder, "</body>", MEASURE)
        copy.rename(folder / f"{name}.html")
        wanted = ((width, f'name="{name} {width}" src="{name}.html"') for width in WIDTHS)
        frames += [f'<iframe {own} width="{w}" height="900"></iframe>' for w, own in wanted]
    frame = folder / "frame.html"
    frame.write_text("<style>iframe { border: 0; }</style><body>" + "".join(frames) + "</body>")
    dom = open_page(frame, folder / "profile", max(WIDTHS) + 100).dom
    found = re.findall(r'<pre id="(\w+) (\d+)">(.*?)</pre>', dom, re.S)
    return {(name, int(width)): json.loads(html.unescape(text)) for name, width, text in found}


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


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", RUNS)
def test_every_section_and_figure_has_room_and_its_words(seen, kind, width):
    found = seen[kind, width]
    assert set(found["sections"]) == set(SECTIONS) | {"warnings"}
    assert all(min(box) > 20 for box in found["sections"].values())
    assert len(found["figures"]) >= (4 if kind == "diverged" else 8)
    assert all(min(box) > 100 for box in found["figures"])
    assert found["texts"] == []  # no label runs out of its figure
    assert found["shortened"] == []  # or is cut
    assert found["overlaps"] == []  # or lies on another
    assert found["covered"] == []  # no legend lies on a curve
    assert found["fetched"] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [*RUNS, *SCORES])
def test_nothing_overflows_and_no_text_is_clipped(seen, kind, width):
    found = seen[kind, width]
    assert found["cells"] > 60
    assert found["cut"] == [] and found["outside"] == []
    assert found["split"] == []  # no number stands on two lines
    assert found["width"][0] <= found["width"][1]  # nothing to scroll sideways


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
