"""The network that equals a spline, in whatever architecture is wanted."""

from spline_fc.network.choice import DirectionsChoice
from spline_fc.network.controls import CONTROLS, add_noise, altered_start
from spline_fc.network.convert import (
    Hinges,
    clip_inputs,
    fold_scaler,
    hinges,
    to_params,
    unfold_scaler,
)
from spline_fc.network.export import (
    from_stablehlo,
    load_npz,
    load_safetensors,
    save_npz,
    save_onnx,
    save_safetensors,
    to_onnx,
    to_stablehlo,
)
from spline_fc.network.forward import (
    apply_params,
    last_hidden,
    preactivations,
    preactivations_float64,
)
from spline_fc.network.head import replace_head
from spline_fc.network.initialisers import INITIALISERS, init_params
from spline_fc.network.merge import merge_params
from spline_fc.network.modules import MLP, NNXMLP, from_nnx, to_nnx
from spline_fc.network.readback import spline_from_params
from spline_fc.network.reshape import (
    BALANCES,
    balance_units,
    deepen,
    max_terms_for,
    reshape,
    widen,
)
from spline_fc.network.samplers import SAMPLERS
from spline_fc.network.spline_start import (
    DIRECTIONS_OF,
    FILLING,
    START_OPTIONS,
    SplineStart,
    fill_in,
    spline_start,
    start_defaults,
)
from spline_fc.network.structure import Params, check_same_structure, layer_sizes
from spline_fc.network.trees import ensemble_to_params

__all__ = [
    "BALANCES",
    "CONTROLS",
    "DIRECTIONS_OF",
    "FILLING",
    "INITIALISERS",
    "MLP",
    "NNXMLP",
    "SAMPLERS",
    "START_OPTIONS",
    "DirectionsChoice",
    "Hinges",
    "Params",
    "SplineStart",
    "add_noise",
    "altered_start",
    "apply_params",
    "balance_units",
    "check_same_structure",
    "clip_inputs",
    "deepen",
    "ensemble_to_params",
    "fill_in",
    "fold_scaler",
    "from_nnx",
    "from_stablehlo",
    "hinges",
    "init_params",
    "last_hidden",
    "layer_sizes",
    "load_npz",
    "load_safetensors",
    "max_terms_for",
    "merge_params",
    "preactivations",
    "preactivations_float64",
    "replace_head",
    "reshape",
    "save_npz",
    "save_onnx",
    "save_safetensors",
    "spline_from_params",
    "spline_start",
    "start_defaults",
    "to_nnx",
    "to_onnx",
    "to_params",
    "to_stablehlo",
    "unfold_scaler",
    "widen",
]
