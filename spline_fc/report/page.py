"""Small pieces of HTML. Everything that comes from files is escaped here, once."""

import html
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

from spline_fc.analysis.tables import Table


def page(title: str, header: str, sections: Sequence[str], footer: str) -> str:
    """Fills the page template; `title` is text, the other arguments are HTML."""
    template = resources.files("spline_fc.analysis").joinpath("template.html").read_text("utf-8")
    return Template(template).substitute(
        title=text(title), header=header, sections="\n".join(sections), footer=footer
    )


def write(target: pathlib.Path, content: str) -> pathlib.Path:
    """Writes a page at once: a reader never finds half of it."""
    draft = target.with_suffix(".html.tmp")
    draft.write_text(content, encoding="utf-8")
    draft.replace(target)
    return target


def text(value: Any) -> str:
    """Escapes anything for use as text or attribute."""
    return html.escape(str(value))


def section(key: str, title: str, *parts: str) -> str:
    """A section of the page with an anchor."""
    return f'<section id="{key}"><h2>{text(title)}</h2>\n' + "\n".join(parts) + "\n</section>"


def paragraph(sentence: str, kind: str = "") -> str:
    """A paragraph of plain text, of a class if one is given."""
    return f'<p class="{kind}">{text(sentence)}</p>' if kind else f"<p>{text(sentence)}</p>"


def note(sentence: str) -> str:
    """A quiet paragraph, e.g. on what is missing and why."""
    return paragraph(sentence, "note")


def table(content: Table, kind: str = "") -> str:
    """A Table with its notes below."""
    head = "".join(f"<th>{text(name)}</th>" for name in content.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>\n"
        for row in content.body
    )
    body = f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>'
    notes = "".join(f"<li>{text(note)}</li>" for note in content.notes)
    return f'<div class="wide">{body}</div>' + (f'<ul class="notes">{notes}</ul>' if notes else "")


def figure(svg: str, title: str, caption: str) -> str:
    """A figure from an SVG string, which is taken as it is, with its title over the caption."""
    words = f"<b>{text(title)}.</b> {text(caption)}"
    return f"<figure>{svg}<figcaption>{words}</figcaption></figure>"


def picture(workdir: pathlib.Path, draw: Callable[..., Any], *arguments: Any) -> str:
    """Draws a figure for the page; its PNG and the CSV of its numbers go to WORKDIR/figures."""
    from spline_fc.analysis import figures

    folder = workdir / "figures"
    folder.mkdir(exist_ok=True)
    with figures.style():
        drawn = draw(*arguments)
        return figure(figures.save(drawn, folder), drawn.title, drawn.caption)


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    """Key figures: (figure, what it is)."""
    cells = (
        f'<div class="tile"><b>{text(value)}</b><span>{text(what)}</span></div>'
        for value, what in pairs
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def groups(mapping: Mapping[str, Any], loose: str) -> str:
    """A nested mapping as titled lists; values that are no mapping stand under `loose`."""
    plain = {key: value for key, value in mapping.items() if not isinstance(value, Mapping)}
    nested = {key: value for key, value in mapping.items() if isinstance(value, Mapping) and value}
    lists = [_list(loose, plain)] if plain else []
    lists += [_list(key, value) for key, value in nested.items()]
    return f'<div class="groups">{"".join(lists)}</div>'


def _list(title: str, mapping: Mapping[str, Any]) -> str:
    items = "".join(
        f"<dt>{text(key)}</dt><dd>{text(_value(value))}</dd>" for key, value in _flat(mapping)
    )
    return f"<div><h3>{text(title)}</h3><dl>{items}</dl></div>"


def _flat(mapping: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(v) for v in value) or "none"
    return "none" if value is None or value == "" else str(value)
