"""The pictures that the guides show are there, small, and of a page's width at most."""

import pathlib
import re

import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).parents[2]
IMAGES = sorted((ROOT / "docs" / "img").glob("*.png"))


def shown() -> set[pathlib.Path]:
    """The images that the README and the guides name."""
    guides = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return {
        (guide.parent / name).resolve()
        for guide in guides
        for name in re.findall(r'[("]([^("]*img/[^")]+)[)"]', guide.read_text(encoding="utf-8"))
    }


def test_guides_show_images_that_exist_and_all_but_the_first_page_s():
    assert len(IMAGES) >= 9
    assert shown() | {ROOT / "docs" / "img" / "overview.png"} == set(IMAGES)


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.stem)
def test_an_image_is_small(file):
    assert file.stat().st_size < 60_000
    with Image.open(file) as image:
        assert image.width <= 1600
