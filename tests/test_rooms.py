"""The house: what docs/house.md draws is what the imports say."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
GROUND = {
    "arrays",
    "checks",
    "files",
    "printing",
    "sharding",
    "threads",
    "timing",
}  # tools that every room may use
MOST_LINES, MOST_ROAD = 400, 450


def rooms():
    """The rooms in the order of the picture."""
    page = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    picture = re.search(r"```\n(data -> .*?)\n```", page, re.DOTALL).group(1)
    return [room.strip() for room in picture.split("->")]


def files():
    """{room: its files}; a file beside the folders is a room of its own, but for the two doors."""
    found = {}
    for path in sorted((ROOT / "spline_fc").rglob("*.py")):
        parts = path.relative_to(ROOT / "spline_fc").with_suffix("").parts
        if parts not in (("__init__",), ("__main__",)):
            found.setdefault(parts[0], []).append(path)
    return found


def imported_rooms(path):
    """The rooms that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "spline_fc":
            own = node.module.split(".")[1:2]
            yield from own or [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("spline_fc."):
                    yield alias.name.split(".")[1]


def test_the_picture_shows_every_room():
    assert set(files()) == set(rooms()) | GROUND


def test_no_room_imports_a_later_one():
    order = rooms()
    for room, paths in files().items():
        allowed = GROUND | ({room} | set(order[: order.index(room)]) if room in order else set())
        for path in paths:
            strange = set(imported_rooms(path)) - allowed
            assert not strange, f"{path.relative_to(ROOT)} imports {sorted(strange)}"


def test_rooms_and_files_keep_their_size():
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for paths in files().values()
        for path in paths
    }
    assert max(lines.values()) <= MOST_LINES, max(lines, key=lines.get)
    road = sum(lines[ROOT / "spline_fc" / f"{name}.py"] for name in ("pipeline", "protocol"))
    assert road <= MOST_ROAD
    for room, paths in files().items():
        assert sum(lines[path] for path in paths) <= sum(lines.values()) / 4, room
