"""What searches over parents have in common, however many rows there are: whom they look at."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from spline_fc.cpwl import candidates as tables
from spline_fc.cpwl.knots import SearchSpace, partner_features
from spline_fc.cpwl.terms import Term


class Limits(NamedTuple):
    """When the forward pass stops."""

    max_terms: int
    max_degree: int
    threshold: float  # smallest gain of a step, as a share of the total sum of squares
    fast_k: int | None  # parents that are looked at at each step; None for all
    tolerance: float  # squared remainder, as a share of the norm, that counts as dependent
    floor: float  # residual sum of squares, as a share of the total, that is rounding


UNSEEN = tables.Head(np.inf, -1, -1, False, False)  # who has not been looked at promises most


@dataclasses.dataclass(kw_only=True)
class Parent:
    """A term that may be multiplied out further, or no term at all (the constant).

    Its tables are brought up to date when it is looked at; what they said last is remembered.
    """

    term: int  # -1 for the constant
    columns: int = 0  # how many columns have entered its tables
    head: tables.Head = UNSEEN  # of its best pair when it was last looked at


Known = TypeVar("Known", bound=Parent)


class Search(abc.ABC, Generic[Known]):
    """A forward pass under way: its terms and its parents, the constant first."""

    def __init__(self, space: SearchSpace, limits: Limits, constant: Known) -> None:
        self.space, self.limits = space, limits
        self.terms: list[Term] = []
        self.parents = [constant]

    @abc.abstractmethod
    def look(self, parents: Sequence[Known], now: int) -> None:
        """Brings some parents up to date with `now` columns, and their heads."""

    @abc.abstractmethod
    def enter(self, parent: Known, rss: float, total: float) -> list[tables.Head]:
        """Adds the terms of a parent's best pair, of an additive fit those of further steps too.

        Args:
          parent: whose pair it is.
          rss, total: residual sum of squares before, and with no term at all.

        Returns:
          What has been added, in order.
        """

    def best(self, fast_k: int | None) -> Known:
        """The parent with the best pair, as far as it is looked for.

        What a parent gained when it was last looked at is taken for what it promises; those that
        promise most, `fast_k` of them (all if None), are brought up to date until they still do.
        """
        now = 1 + len(self.terms)
        if now >= self.limits.max_terms:
            return self.parents[0]  # whatever it says, there is no room
        while True:
            ranked = sorted(self.parents, key=lambda p: -p.head.gain)
            promising = [p for p in ranked[:fast_k] if p.columns < now]
            asked = promising + [p for p in ranked if p.head is UNSEEN and p not in promising]
            if not asked:
                least = (1 - tables.TIE) * ranked[0].head.gain
                equal = [p for p in ranked if p.columns == now and p.head.gain >= least]
                return min(equal, key=lambda p: p.term)
            self.look(asked, now)

    def position(self, head: tables.Head) -> float:
        """The knot of a pair, scaled."""
        return float(self.space.knots[head.feature, head.knot])

    def add_terms(self, parent: Known, head: tables.Head) -> None:
        """Appends the one or two terms of a pair."""
        inherited = self.terms[parent.term].factors if parent.term >= 0 else ()
        for sign in ((-1.0, 1.0) if head.flipped else (1.0, -1.0))[: 1 + head.paired]:
            self.terms.append(Term((*inherited, (head.feature, sign, self.position(head)))))

    def partners(self, number: int) -> np.ndarray:
        """Columns that may join a term, ascending; none if it has all the factors it may have."""
        term = self.terms[number]
        if len(term.factors) >= self.limits.max_degree:
            return np.zeros(0, np.int32)
        return partner_features(self.space, term.features)
