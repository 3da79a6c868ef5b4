"""Every door for data: the same numbers in any container, or one sentence that names the argument.

A row of the table below is a door, as a function of one argument; each is tried with every kind of
input. No door takes numbers in a way of its own, so a new one is added here by a line.
"""

import pathlib

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import spline_fc as sfc
from spline_fc import (
    analysis,
    data,
    ensemble,
    model,
    network,
    plots,
    protocol,
    runs,
    training,
    workdir,
)
from spline_fc.training import inputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 2))
Y = np.maximum(X[:, :1], 0) - X[:, 1:]
PARAMS = {
    "Dense_0": {"kernel": RNG.normal(size=(2, 4)).astype("f4"), "bias": np.ones(4, "f4")},
    "Dense_1": {"kernel": RNG.normal(size=(4, 1)).astype("f4"), "bias": np.zeros(1, "f4")},
}
DATA = sfc.from_arrays(X, Y, test_fraction=0.25, validation_fraction=0.25)


@pytest.fixture(scope="module")
def start():
    x, y = (a.astype(np.float32) for a in (X, Y))
    return sfc.spline_start(0, x, y, 8, max_terms=5, directions=())


def trained(x=X, y=Y, weights=None):
    """What reaches the compiler: whatever is refused is refused before it."""
    dataset = DATA._replace(train=DATA.train._replace(x=x, y=y), feature_names=("a", "b"))
    return inputs.prepare(PARAMS, dataset, training.TrainingConfig(), weights, None)


MATRICES = {  # door: (name of the argument, call)
    "spline_start": (
        "x",
        lambda s, x: sfc.spline_start(0, x, Y, 8, max_terms=5, directions=()).params,
    ),
    "init_params": ("x", lambda s, x: sfc.init_params("swim", 0, x, Y, 8)),
    "reshape": ("x", lambda s, x: sfc.reshape(PARAMS, 6, 0, x=x)),
    "replace_head": ("features", lambda s, x: network.replace_head(PARAMS, "", x, Y, 0)),
    "train": ("train x", lambda s, x: trained(x=x)),
    "permutation_importance": (
        "x",
        lambda s, x: analysis.permutation_importance(s, x, Y, key=0, repeats=1),
    ),
    "mean_contribution": ("x", lambda s, x: analysis.mean_contribution(s, x, points=4)),
    "compare_importance": (
        "x",
        lambda s, x: analysis.compare_importance({"s": s}, x, Y, key=0, points=4).value,
    ),
    "partial_dependence": ("x", lambda s, x: analysis.partial_dependence(PARAMS, x, 0, [0.0, 1])),
    "exact_dependence": ("x", lambda s, x: analysis.exact_dependence(s, x, 0)),
    "dependence_surface": ("x", lambda s, x: analysis.dependence_surface(s, x, [0, 1])),
    "shape_functions": ("x", lambda s, x: analysis.shape_functions(s, x)),
    "decompose": ("x", lambda s, x: analysis.decompose(s, x).share),
    "distil": ("x", lambda s, x: analysis.distil(s, x, max_terms=3).share),
    "distil, held out": (
        "held_out",
        lambda s, x: analysis.distil(s, X, held_out=x, max_terms=3).held_out_share,
    ),
    "chunks_of": (
        "x of chunk 0",
        lambda s, x: data.fit_chunk_scaler(sfc.chunks_of(lambda: [(x, Y)])).x_scale,
    ),
    "activation_flips": ("x", lambda s, x: analysis.activation_flips([PARAMS, PARAMS], x)),
    "pattern_count": ("x", lambda s, x: analysis.pattern_count(PARAMS, x, segments=2)),
    "count_patterns": ("x", lambda s, x: analysis.count_patterns(PARAMS, x)),
    "knot_drift": ("x", lambda s, x: analysis.knot_drift(PARAMS, PARAMS, x)),
}
SLOW = {"distil, held out", "replace_head", "spline_start", "init_params", "distil"}
DEFAULT = {"reshape", "distil, held out"}  # None stands for nothing given

TAKEN = {
    "list": X.tolist(),
    "objects": X.astype(object),
    "big-endian": X.astype(">f8"),
    "long double": X.astype(np.longdouble),
    "nothing masked": np.ma.array(X),
    "sparse": scipy.sparse.csr_array(X),
    "frame": pd.DataFrame(X, columns=["a", "b"]),
    "nullable frame": pd.DataFrame(X, columns=["a", "b"], dtype="Float64"),
}
REFUSED = {
    "words": X.astype(str),
    "word": "x.csv",
    "dates": X.astype("M8[s]"),
    "complex": X.astype(complex),
    "masked": np.ma.array(X, mask=X > 1),
    "nan": np.where(X > 1, np.nan, X),
    "infinite": np.where(X > 1, np.inf, X),
    "missing": pd.DataFrame(X, columns=["a", "b"], dtype="Float64").mask(X > 1),
    "no row": X[:0],
    "vector": X[:, 0],
    "three axes": X[None],
    "one column": X[:, :1],
    "three columns": np.hstack([X, X[:, :1]]),
    "ragged": [[1.0, 2.0], [3.0]],
    "mapping": {"a": [1.0]},
    "none": None,
}
CHOSEN_BY_X = {"spline_start", "init_params", "chunks_of"}  # any number of columns will do


def leaves(tree):
    return jax.tree.leaves(jax.tree.map(np.asarray, tree))


def assert_one_sentence(error, name):
    message = str(error).removeprefix("the train part must have at least one row")
    if message != str(error):  # it has no array to name
        return
    assert message.startswith((name, "column ", "the columns of ")) and name in message, message
    assert "\n" not in message and message.endswith(".") and len(message) < 300, message


@pytest.mark.parametrize("door", MATRICES)
def test_same_result_from_any_container(start, door):
    call = MATRICES[door][1]
    wanted = leaves(call(start, X))
    kinds = ("frame", "sparse") if door in SLOW else TAKEN
    for kind in kinds:
        for a, b in zip(leaves(call(start, TAKEN[kind])), wanted, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=kind)


@pytest.mark.parametrize("door", MATRICES)
def test_all_else_is_one_sentence(start, door):
    name, call = MATRICES[door]
    for kind, value in REFUSED.items():
        if kind == "none" and door in DEFAULT or "column" in kind and door in CHOSEN_BY_X:
            continue
        with pytest.raises(ValueError) as caught:
            call(start, value)
            pytest.fail(f"{door} takes {kind}")
        assert_one_sentence(caught.value, name)
    with pytest.raises(ValueError, match="concrete.*outside of jit") as caught:
        jax.jit(lambda x: call(start, x))(X)
    assert_one_sentence(caught.value, "params" if door == "reshape" else name)


VECTORS = {
    "weights of a start": (
        "weights",
        lambda v: sfc.spline_start(0, X, Y, 8, weights=v, max_terms=3, directions=()),
    ),
    "weights of training": ("weights", lambda v: trained(weights=v)),
    "row of a spline": ("row", lambda v: analysis.explain_spline(FIT(), v)),
    "row of a network": ("row", lambda v: analysis.explain_network(PARAMS, v)),
    "start of a segment": ("start", lambda v: analysis.segment_breakpoints(PARAMS, v, X[0])),
    "grid": ("grid", lambda v: analysis.partial_dependence(PARAMS, X, 0, v)),
    "values": ("values", lambda v: analysis.bootstrap(v)),
    "numerator": ("numerator", lambda v: analysis.paired_ratio(v, [1.0, 2.0])),
    "step": ("step", lambda v: analysis.steps_to_target(v, [1.0, 2.0], 1.5)),
    "loss": ("loss", lambda v: analysis.area_under_curve([1.0, 2.0], v)),
    "error": ("error", lambda v: analysis.compare(v, [1.0, 2.0])),
}
VECTORS_REFUSED = {
    "word": "all",
    "words": ["a", "b"],
    "dates": np.zeros(2, "M8[s]"),
    "complex": np.zeros(2, complex),
    "masked": np.ma.array([1.0, 2.0], mask=[0, 1]),
    "mapping": {"a": 1},
}


def FIT():
    return sfc.fit_mars(X, Y, max_terms=3)


@pytest.mark.parametrize("door", VECTORS)
def test_vectors_of_no_numbers(door):
    name, call = VECTORS[door]
    for kind, value in VECTORS_REFUSED.items():
        with pytest.raises(ValueError) as caught:
            call(value)
            pytest.fail(f"{door} takes {kind}")
        assert_one_sentence(caught.value, name)


TREES = {
    "list": [],
    "none": None,
    "array": X,
    "no layer": {},
    "wrapped": {"params": PARAMS},
    "lists in layers": jax.tree.map(lambda a: a.tolist(), PARAMS),
    "words in layers": jax.tree.map(lambda a: a.astype(str), PARAMS),
    "complex layers": jax.tree.map(lambda a: a.astype(complex), PARAMS),
    "masked layers": jax.tree.map(lambda a: np.ma.array(a, mask=True), PARAMS),
    "sparse kernel": {
        **PARAMS,
        "Dense_0": {**PARAMS["Dense_0"], "kernel": scipy.sparse.csr_array(np.ones((2, 4)))},
    },
}
OF_TREES = {
    "apply_params": lambda params: sfc.apply_params(params, X),
    "reshape": lambda params: sfc.reshape(params, 8, 0),
    "from_params": lambda params: sfc.MLP.from_params(params),
    "train": lambda params: sfc.train(params, DATA),
    "spline_from_params": lambda params: sfc.spline_from_params(params),
    "partial_dependence": lambda params: analysis.partial_dependence(params, X, 0, [0.0]),
    "knot_drift": lambda params: sfc.knot_drift(params, params, X),
    "count_patterns": lambda params: analysis.count_patterns(params, X),
    "explain_network": lambda params: analysis.explain_network(params, X[0]),
}


@pytest.mark.parametrize("door", OF_TREES)
def test_trees_that_are_no_network(door):
    for kind, tree in TREES.items():
        with pytest.raises(ValueError) as caught:
            OF_TREES[door](tree)
            pytest.fail(f"{door} takes {kind}")
        assert_one_sentence(caught.value, "params")


def test_a_fit_a_start_and_a_spline_are_one_model(start):
    for call in (
        lambda m: analysis.mean_contribution(m, X, points=4),
        lambda m: analysis.decompose(m, X).share,
        lambda m: analysis.explain_spline(m, X[0]).value,
        lambda m: analysis.exact_dependence(m, X, 0).value,
    ):
        for one in (start, start.fit):
            np.testing.assert_array_equal(call(one), call(start.fit.spline))


def test_columns_are_found_by_the_names_of_the_fit():
    frame = pd.DataFrame(X, columns=["a", "b"])
    start = sfc.spline_start(0, frame, Y, 8, max_terms=5, directions=())
    assert start.fit.names == ("a", "b")
    turned = frame.assign(c="text")[["b", "c", "a"]]
    wanted = analysis.mean_contribution(start, X, points=4)
    np.testing.assert_array_equal(analysis.mean_contribution(start, turned, points=4), wanted)
    table = analysis.compare_importance({"start": start, "net": start.params}, turned, Y, key=0)
    assert table.feature_names == ("a", "b")
    wanted = analysis.compare_importance({"start": start, "net": start.params}, X, Y, key=0)
    np.testing.assert_array_equal(table.value, wanted.value)
    for call in (analysis.mean_contribution, analysis.decompose, analysis.distil):
        with pytest.raises(ValueError, match="x must have the columns of the fit; got none .*'a'"):
            call(start, frame.rename(columns={"a": "A"}))


@pytest.mark.parametrize("sizes", [8, np.int64(8), [8], np.array([8])])
def test_one_layer_by_one_integer(sizes):
    assert sfc.MLP(sizes, 1).hidden_sizes == (8,)
    assert network.layer_sizes(sfc.reshape(PARAMS, sizes, np.int64(0))) == (2, 8, 1)
    assert network.layer_sizes(sfc.init_params("he_normal", 0, X, Y, sizes)) == (2, 8, 1)
    assert network.max_terms_for(sizes) == network.max_terms_for((8,))


NO_DATASET = {
    "matrix": X,
    "path": "houses.csv",
    "frame": pd.DataFrame(X),
    "pair": (X, Y),
    "chunks": sfc.chunks_of(lambda: [(X, Y)]),
    "none": None,
}
CONTENDER = protocol.Contender("spline", "spline", {}, training.TrainingConfig())
DATASETS = {  # door: (name of the argument, call)
    "fit_model": ("dataset", lambda d: sfc.fit_model(d, 8)),
    "fit_model, members": ("dataset", lambda d: sfc.fit_model(d, 8, members=2)),
    "train_network": ("standard", lambda d: model.train_network(d, 8)),
    "make_model": ("dataset", lambda d: sfc.make_model(d, params=PARAMS)),
    "train": ("dataset", lambda d: sfc.train(PARAMS, d)),
    "train_replicas": (
        "datasets",
        lambda d: sfc.train_replicas(PARAMS, d, {}, learning_rates=[1.0], seeds=[0]),
    ),
    "train_ensemble": ("dataset", lambda d: sfc.train_ensemble(0, d, 8, members=2)),
    "distil_network": ("dataset", lambda d: ensemble.distil_network(0, PARAMS, d, 8)),
    "standardize": ("dataset", data.standardize),
    "check_dataset": ("dataset", data.check_dataset),
    "pull_in": ("dataset", data.pull_in),
    "train_range": ("dataset", data.train_range),
    "join_validation": ("dataset", data.join_validation),
    "stack": (r"datasets\[1\]", lambda d: data.stack([DATA, d])),
    "baselines": ("dataset", training.baselines),
    "prepare": ("dataset", protocol.prepare),
    "make_start": (
        "dataset",
        lambda d: protocol.make_start(protocol.key_of(0, CONTENDER), CONTENDER, d, 8),
    ),
    "score": ("dataset", lambda d: protocol.score(PARAMS, d, "squared_error")),
    "time_alone": ("dataset", lambda d: protocol.time_alone(CONTENDER, d, 8, 0)),
    "check_against_data": (
        "dataset",
        lambda d: runs.check_against_data(runs.read_plan({"data": {"name": "friedman1"}}), d),
    ),
    "write_data": ("dataset", lambda d: workdir.write_data(pathlib.Path("none"), 0, d)),
    "about": ("source", plots.about),
}


@pytest.mark.parametrize("door", DATASETS)
def test_what_is_no_data_set(door):
    name, call = DATASETS[door]
    for kind, value in NO_DATASET.items():
        with pytest.raises(TypeError, match=f"^{name} must be a .*Dataset; got ") as caught:
            call(value)
            pytest.fail(f"{door} takes {kind}")
        message = str(caught.value)
        assert "\n" not in message and message.endswith(".") and len(message) < 300, message


def test_a_data_set_whose_part_is_none():
    for part in (None, X, (X,)):
        with pytest.raises(ValueError, match="dataset.validation must be a Part with x and y; got"):
            sfc.standardize(DATA._replace(validation=part))


@pytest.mark.parametrize("came", [[1], "x", 3])
@pytest.mark.parametrize(
    "door",
    [
        lambda data, options: sfc.train_ensemble(0, data, 4, members=2, start_options=options),
        lambda data, options: sfc.fit_model(data, 4, start_options=options),
        lambda data, options: model.train_network(data, 4, start_options=options),
        lambda data, options: ensemble.distil_network(0, {}, data, 4, start_options=options),
    ],
)
def test_options_that_are_no_mapping(door, came):
    dataset = sfc.from_arrays(np.arange(40.0).reshape(20, 2), np.arange(20.0))
    with pytest.raises(ValueError, match=r"^start_options must be a mapping; got .*\.$"):
        door(dataset, came)
