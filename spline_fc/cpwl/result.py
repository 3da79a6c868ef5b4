"""The record of a fit."""

from typing import NamedTuple

from spline_fc.cpwl.forward import ForwardTrace
from spline_fc.cpwl.labels import coefficient_cells
from spline_fc.cpwl.pruning import PruningPath
from spline_fc.cpwl.spline import Spline
from spline_fc.cpwl.terms import Term
from spline_fc.printing import printed
from spline_fc.timing import Seconds


@printed
class FitResult(NamedTuple):
    """A fitted spline and how it came about."""

    spline: Spline
    names: tuple[str, ...]  # (d + q,), of the columns of z: features, then directions
    rss: float  # weighted residual sum of squares of the spline, over all outputs
    gcv: float  # generalised cross-validation score of the spline
    r2: float  # share of the weighted variance explained
    terms: tuple[Term, ...]  # all terms of the forward pass, in order, in the units of z
    forward: ForwardTrace
    pruning: PruningPath
    num_rows: float  # n, or the sum of the weights
    penalty: float
    seconds: Seconds
    stop_reason: str
    link: str = "identity"  # "logit" or "softmax" where outputs are logits: rss, gcv and r2 are ...
    log_loss: float | None = None  # ... of the probabilities then, and this is their mean log loss

    @property
    def num_terms(self) -> int:
        """Terms that pruning chose, with the intercept; halves of a linear one count once."""
        return 1 + int(self.pruning.kept[self.pruning.chosen].sum())

    def _sentence(self) -> str:
        of_classes = "" if self.log_loss is None else f"log loss {self.log_loss:.4f}, "
        return (
            f"FitResult: {self.num_terms} of {1 + len(self.terms)} terms on "
            f"{len(self.names)} columns; {of_classes}R2 {self.r2:.4f}, GCV {self.gcv:.6g}, "
            f"{self.num_rows:g} rows; {self.stop_reason}"
        )

    def _table(self) -> list[list[str]]:
        return coefficient_cells(self.spline, self.names)
