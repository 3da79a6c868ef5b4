"""What a page is made of, and the way to HTML: templates that escape whatever comes from files."""

import functools
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from spline_fc import files
from spline_fc.checks import optional

if TYPE_CHECKING:
    import jinja2


class Block(Protocol):
    """A piece of a section; `block` names the macro that sets it."""

    block: str


class Words(NamedTuple):
    """A paragraph of plain text; kind "note" is a quiet one."""

    text: str
    kind: str = ""

    block = "words"


class Heading(NamedTuple):
    """A heading within a section."""

    text: str

    block = "heading"


class Image(NamedTuple):
    """A figure of the page."""

    source: str  # data URI
    narrow: str  # the same drawn for a narrow page
    alt: str
    title: str
    caption: str

    block = "image"


class Groups(NamedTuple):
    """Titled lists of keys and values."""

    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    block = "groups"


class Formula(NamedTuple):
    """Lines of a formula, and what the names in it stand for, which is folded away."""

    lines: Sequence[str]
    where: Sequence[str]

    block = "formula"


class Section(NamedTuple):
    """A section with an anchor."""

    key: str
    title: str
    blocks: list[Block]  # Words, Heading, Image, Groups, Formula, tables.Table
    opens: str = ""  # the part of the page that begins with it


def check_packages() -> None:
    """Raises ImportError, which names the extra, unless pages and figures can be made."""
    for package in ("matplotlib", "jinja2"):
        optional(package, "plots")


@functools.cache
def _templates() -> "jinja2.Environment":
    import jinja2  # imported here, as a program that writes no page need not wait for it

    return jinja2.Environment(
        loader=jinja2.PackageLoader("spline_fc.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write(target: pathlib.Path, template: str, **values: Any) -> pathlib.Path:
    """Fills a template, which escapes text, and writes the page at once; returns its path."""
    files.write_text(target, _templates().get_template(template).render(values))
    return target


def groups(mapping: Mapping[str, Any], loose: str) -> Groups:
    """Takes a nested mapping apart into titled lists; plain values stand under `loose`."""
    plain = {key: value for key, value in mapping.items() if not isinstance(value, Mapping)}
    nested = {key: value for key, value in mapping.items() if isinstance(value, Mapping) and value}
    lists = ({loose: plain} if plain else {}) | nested
    return Groups(tuple((title, tuple(_flat(values))) for title, values in lists.items()))


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", written(value)


def written(value: Any) -> str:
    """A value of a config in words."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(written, value)) or "none"
    return "none" if value is None or value == "" else str(value)
