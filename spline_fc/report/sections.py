"""The sections of the page about one run, in order."""

from collections.abc import Callable

from spline_fc.report import sections_model as model
from spline_fc.report import sections_training as training
from spline_fc.report import sections_units as units
from spline_fc.report.page import Block, Section
from spline_fc.report.study import Study

SECTIONS: dict[str, tuple[str, Callable[[Study], list[Block]]]] = {
    "results": ("Results", training.results),
    "convergence": ("Convergence", training.convergence),
    "knots": ("Knots", units.knots),
    "regions": ("Activations and linear pieces", units.regions),
    "shapes": ("Shape functions", model.shapes),
    "importance": ("Importance of the features", model.importance),
    "setup": ("What was run", training.setup),
}


def build(study: Study) -> list[Section]:
    """Words and places what was measured; the figures are drawn and saved on the way."""
    return [Section(key, title, make(study)) for key, (title, make) in SECTIONS.items()]
