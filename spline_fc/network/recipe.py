"""The start of the default recipe: which spline, and how much of the network is its own.

How good the end of training is depends on the start and the reshape as much as on the optimiser.
The choices made here were made together with the defaults of `TrainingConfig`, see docs/recipe.md.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from spline_fc.checks import check_integer, check_number
from spline_fc.cpwl import ObliqueFit, add_projections, fit_oblique, shrink
from spline_fc.network.oblique import to_params_oblique
from spline_fc.network.reshape import check_hidden_sizes, reshape
from spline_fc.network.structure import Params
from spline_fc.threads import one_thread

PROBE_ROWS = 1024  # at most, on which new units are looked at for being dead


class SplineStart(NamedTuple):
    """A network, and the spline that it equals."""

    params: Params
    fit: ObliqueFit  # trace and pruning path belong to its coefficients before shrinking


@one_thread()
def spline_start(
    key: jax.Array,
    x: Any,
    y: Any,
    hidden_sizes: Sequence[int],
    *,
    directions: str | Sequence[str] | Any = ("ols", "sir", "phd"),
    max_terms: int = 61,
    share: float = 0.5,
    tolerance: float = 0.2,
    **options: Any,
) -> SplineStart:
    """Fits a spline that leaves a network of the given shape room to learn, and fills it in.

    An additive spline on the features and a few directions; at most half of the first layer are its
    hinges, the other half is free for what the spline does not see. Their number is chosen by GCV,
    at 3 per knot as directions found from y come at no charge. Coefficients are shrunk as far as
    the residuals hardly tell: large ones that cancel make the first steps of training wild.

    Args:
      key: JAX key, for the units that carry no hinge and for directions "random".
      x: (n, d), standardised. y: (n,) or (n, k), standardised.
      hidden_sizes: widths of the hidden layers.
      directions: as in `fit_oblique`; () for hinges on features alone, which can be read as shape
        functions.
      max_terms: of the forward pass, intercept included.
      share: of the first layer's units that hinges may take, > 0 and <= 1.
      tolerance: of `shrink`.
      **options: of `fit_oblique` and `fit_mars`, in place of those named here and of penalty=3 and
        knots=64 (every data point as a knot takes longer and gains nothing).

    Returns:
      SplineStart; the parameters have the dtype of x.

    Raises:
      ValueError: what `fit_oblique`, `shrink` and `reshape` refuse, or a share out of range.
    """
    hidden_sizes = check_hidden_sizes(hidden_sizes)
    check_integer("max_terms", max_terms, 1)
    check_number("share", share, above=0, at_most=1)
    x = jnp.asarray(x)
    options = {
        "penalty": 3,
        "knots": 64,
        "max_hinges": max(1, int(share * hidden_sizes[0])),
        **options,
    }
    found = fit_oblique(x, y, directions=directions, max_terms=min(max_terms, len(x)),
                        key=key, **options)  # fmt: skip
    joined = add_projections(x, found.projection)
    spline = shrink(found.fit.spline, joined, y, weights=options.get("weights"),
                    tolerance=tolerance)  # fmt: skip
    found = found._replace(fit=found.fit._replace(spline=spline))
    probe = x[:: -(-len(x) // PROBE_ROWS)]
    return SplineStart(reshape(to_params_oblique(found), hidden_sizes, key, x=probe), found)
