"""Kitchen: the network that equals a spline, in whatever architecture is wanted."""

from spline_fc.network.convert import Hinges, hinges, to_params
from spline_fc.network.initialisers import INITIALISERS, init_params
from spline_fc.network.modules import MLP, Params, apply_params
from spline_fc.network.reshape import reshape
from spline_fc.network.structure import check_same_structure, layer_sizes

__all__ = [
    "INITIALISERS",
    "MLP",
    "Hinges",
    "Params",
    "apply_params",
    "check_same_structure",
    "hinges",
    "init_params",
    "layer_sizes",
    "reshape",
    "to_params",
]
