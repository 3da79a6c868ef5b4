"""What pictures of models take: one of them, several seeds, or some by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from spline_fc.checks import check, shown
from spline_fc.cpwl import FitResult, Spline
from spline_fc.model import Model as Fitted
from spline_fc.network import Params, SplineStart, to_params
from spline_fc.training import TrainResult

Model = Spline | FitResult | SplineStart | TrainResult | Fitted | Params


def plain(model: Model) -> Spline | FitResult | Params:
    """A model as the analysis takes it: of a start its network, of a training the best one."""
    if isinstance(model, Fitted):
        if model.params is not None:
            return model.params
        assert model.spline is not None  # a model has one of both
        return model.spline
    return model.params if isinstance(model, (SplineStart, TrainResult)) else model


def network_of(model: Model) -> Params:
    """A model's network; that of a spline is equal to it."""
    found = plain(model)
    return to_params(found) if isinstance(found, (Spline, FitResult)) else found


def is_params(value: Any) -> bool:
    """Whether a mapping is a network's parameters, not models by name."""
    return isinstance(value, Mapping) and "Dense_0" in value


def by_name(models: Any, *records: type) -> dict[str, list[Any]]:
    """Models, or records made of them, as {name: seeds}; one without a name is called "".

    Raises:
      TypeError: there is something else among them.
      ValueError: there is none.
    """
    kinds = (Spline, FitResult, SplineStart, TrainResult, Fitted, *records)
    named = models if isinstance(models, Mapping) and not is_params(models) else {"": models}
    found = {}
    for name, some in named.items():
        alone = isinstance(some, kinds) or is_params(some) or not isinstance(some, Sequence)
        found[str(name)] = [some] if alone else list(some)
    for one in (one for some in found.values() for one in some):
        if not isinstance(one, kinds) and not is_params(one):
            raise TypeError(
                f"models must be models, or {kinds[-1].__name__} of them; got {shown(one)}."
            )
    check(bool(found) and all(found.values()), "models must hold at least one model; got none.")
    return found
