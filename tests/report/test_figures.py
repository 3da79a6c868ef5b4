"""The figures of a page, rendered."""

import re

from spline_fc.report import write_report
from spline_fc.report.sections import SECTIONS
from tests.report.pages import figures

RENDERED = True  # see tests/conftest.py
PLACES = ("warnings", *SECTIONS)


def test_report_is_one_light_file_with_every_section(workdir):
    path = write_report(workdir)
    page = path.read_text(encoding="utf-8")
    assert path == workdir / "report.html" and path.stat().st_size < 5_000_000
    for key in PLACES:
        assert f'id="{key}"' in page
    drawn = figures(path)
    assert (
        len(drawn) == 8 and page.count("<img") == page.count("<source") == 8 and "<svg" not in page
    )
    assert page.count('class="tile"') == 6  # one row on a wide screen
    assert all("whose numbers are in figures/" in alt for alt in drawn)
    # Self-contained: nothing is fetched. Namespaces are names, not addresses to load.
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "@import" not in page and "url(http" not in page
    for name in ("predicted", "convergence", "knot_drift", "alignment", "shapes", "importance"):
        assert (workdir / "figures" / f"{name}.png").stat().st_size > 5000
        header = (workdir / "figures" / f"{name}.csv").read_text().splitlines()[0]
        assert "," in header


def test_figures_leave_global_settings_alone(workdir):
    import matplotlib

    before = dict(matplotlib.rcParams)
    write_report(workdir)
    assert dict(matplotlib.rcParams) == before
