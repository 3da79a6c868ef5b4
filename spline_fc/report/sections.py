"""The sections of the page about one run, in order: for the owner of the data, then the study."""

from collections.abc import Callable

from spline_fc.report import sections_model as model
from spline_fc.report import sections_training as training
from spline_fc.report import sections_units as units
from spline_fc.report.page import Block, Section
from spline_fc.report.study import Study

SECTIONS: dict[str, tuple[str, Callable[[Study], list[Block]]]] = {
    "errors": ("Errors on test rows", model.errors),
    "data": ("Rows and columns", model.data),
    "formula": ("The formula", model.formula),
    "importance": ("Importance of the columns", model.importance),
    "shapes": ("Shape functions", model.shapes),
    "results": ("The starts compared", training.results),
    "convergence": ("Convergence", training.convergence),
    "knots": ("Knots", units.knots),
    "regions": ("Activations and linear pieces", units.regions),
    "setup": ("What was run", training.setup),
}
PARTS = {"errors": "The model", "results": "What training did"}


def build(study: Study) -> list[Section]:
    """Words and places what was measured; the figures are drawn and saved on the way."""
    return [
        Section(key, title, make(study), PARTS.get(key, ""))
        for key, (title, make) in SECTIONS.items()
    ]
