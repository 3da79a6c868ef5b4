"""Reading a page as a reader would: what sections say, which figures and tags there are."""

import base64
import html
import pathlib
import re
from html.parser import HTMLParser

SVG = re.compile(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)">')


def words(path: pathlib.Path) -> dict[str, str]:
    """What each section of a page says, without tags."""
    page = path.read_text(encoding="utf-8")
    sections = re.findall(r'<section id="([^"]+)">(.*?)</section>', page, re.S)
    return {key: plain(part) for key, part in sections}


def plain(part: str) -> str:
    """The text of a piece of HTML, spaces made one."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def headline(path: pathlib.Path) -> str:
    """The sentences under the title."""
    page = path.read_text(encoding="utf-8")
    return plain(re.search(r'<p class="lede">(.*?)</p>', page, re.S)[1])


def figures(path: pathlib.Path) -> dict[str, str]:
    """{alternative text: SVG} of a page."""
    found = SVG.findall(path.read_text(encoding="utf-8"))
    return {html.unescape(alt): base64.b64decode(svg).decode("utf-8") for svg, alt in found}


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order or never; keeps the tags that were opened."""

    VOID = {"meta", "link", "br", "hr", "img", "source"}

    def check(self, page: str) -> None:
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def with_scores(row, scores):
    """A row of runs.json or fits.json with other test scores than its own."""
    kept = {k: v for k, v in row.items() if not k.startswith("test_") or k == "test_loss"}
    return kept | {f"test_{name}": value for name, value in scores.items()}
