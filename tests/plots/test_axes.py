"""What all pictures have in common: axes in, axes out, and nothing else changed."""

import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

import spline_fc as sfc
from spline_fc import plots
from spline_fc.analysis import ImportanceTable, recorded_networks, track_networks
from tests.analysis.splines import hinge_network, normal_rows
from tests.plots import records

DRIFT = records.drift()
STEPS = track_networks(
    [hinge_network(), records.moved_network()], (0, 30), normal_rows(), scaler=records.SCALER
)
Y = normal_rows()[:, :2]
PICTURES = {
    "convergence": (1, lambda ax: plots.convergence(records.history(0.1), ax=ax)),
    "intervals": (1, lambda ax: plots.intervals({"row": {"He": records.interval(1)}}, ax=ax)),
    "shape_functions": (
        3,
        lambda ax: plots.shape_functions(
            records.shapes(), records.ABOUT, features=(0, 1, 2), ax=ax
        ),
    ),
    "surface": (
        2,
        lambda ax: plots.surface(
            {"a": hinge_network(), "b": records.moved_network()},
            records.ABOUT,
            features=(0, 1),
            ax=ax,
        ),
    ),
    "partition": (1, lambda ax: plots.partition(hinge_network(), records.ABOUT, ax=ax)),
    "knot_drift": (3, lambda ax: plots.knot_drift(DRIFT, records.ABOUT, ax=ax)),
    "knots_over_steps": (3, lambda ax: plots.knots_over_steps(STEPS, records.ABOUT, ax=ax)),
    "drift_over_steps": (2, lambda ax: plots.drift_over_steps(STEPS, ax=ax)),
    "alignment": (2, lambda ax: plots.alignment({"spline": DRIFT, "He": DRIFT}, ax=ax)),
    "flipped": (1, lambda ax: plots.flipped({"He": {"Dense_0": np.array([0.0, 0.5])}}, ax=ax)),
    "importance": (1, lambda ax: plots.importance([3.0, 1.0, 2.0, 0.0], records.ABOUT, ax=ax)),
    "calibration": (1, lambda ax: plots.calibration([0.2, 0.9], [0, 1], ax=ax)),
    "predicted_against_observed": (
        2,
        lambda ax: plots.predicted_against_observed(Y, Y, interval=(Y - 1, Y + 1), ax=ax),
    ),
}


@pytest.fixture(params=PICTURES)
def picture(request):
    return PICTURES[request.param]


def test_every_picture_is_looked_at():
    assert set(PICTURES) == set(plots.__all__) - {"About", "about"}


def test_a_picture_makes_its_own_figure_and_leaves_settings_alone(picture):
    count, draw = picture
    before = dict(matplotlib.rcParams)
    drawn = draw(None)
    assert isinstance(drawn, Axes if count == 1 else np.ndarray)
    assert all(isinstance(ax, Axes) for ax in np.ravel(drawn)) and np.size(drawn) == count
    assert plt.get_fignums() == [np.ravel(drawn)[0].figure.number]
    np.ravel(drawn)[0].figure.canvas.draw()
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def test_a_picture_takes_axes_and_makes_no_figure(picture):
    count, draw = picture
    own = records.axes(count)
    drawn = np.ravel(draw(own if count > 1 else own[0])).tolist()
    assert drawn == own and plt.get_fignums() == []
    assert all(ax.has_data() for ax in own)
    own[0].figure.canvas.draw()
    with pytest.raises(ValueError, match=f"ax must be {count} Axes, one for each panel; got 4"):
        draw(records.axes(4))
    with pytest.raises(TypeError, match="ax must be an Axes; got 5"):
        draw(5)


def test_a_function_may_make_the_axes():
    asked = []
    drawn = plots.knot_drift(DRIFT, ax=lambda count: asked.append(count) or records.axes(count))
    assert asked == [3] and len(drawn) == 3 and plt.get_fignums() == []


def test_names_are_text_and_cut_where_there_is_no_room():
    name = "free $SO_2$ of wine in milligrams per cubic decimetre, as measured"
    about = records.ABOUT._replace(feature_names=(name, "one $ and \\frac{$", "c", "d"))
    first, second = plots.shape_functions(
        records.shapes(), about, features=(0, 1), ax=records.axes(2)
    )
    title = first.get_title("left")
    assert title.startswith("free $SO_2$") and title.endswith("…") and len(title) < 60
    assert second.get_title("left") == about.feature_names[1]
    first.figure.canvas.draw()  # which fails where it takes a name for a formula


def test_about_is_gathered_from_a_model_and_its_rows(tmp_path):
    dataset = sfc.standardize(
        sfc.load("friedman1", seed=0, num_train=40, num_validation=10, num_test=10)
    )
    params = sfc.init_params("he_normal", 0, *dataset.train, hidden_sizes=(4,))
    model = sfc.make_model(dataset, params=params)
    raw = np.asarray(dataset.train.x) * dataset.scaler.x_scale + dataset.scaler.x_shift
    found = plots.about(model, raw)
    assert found.feature_names == dataset.feature_names and found.encoding == model.encoding
    np.testing.assert_allclose(found.x, dataset.train.x, atol=1e-5)
    assert plots.about(model).x is None
    drawn = plots.shape_functions(model, found, features=[3], ax=records.axes(1))
    own = plots.shape_functions(params, dataset, features=[3], ax=records.axes(1))
    for ours, theirs in zip(drawn.get_lines(), own.get_lines(), strict=True):
        np.testing.assert_allclose(ours.get_xydata(), theirs.get_xydata(), rtol=1e-4, atol=1e-5)


def test_axes_of_classes_say_whether_they_are_logits():
    x = normal_rows()
    labels = (x[:, 0] + x[:, 1] > 0).astype(float)
    dataset = sfc.standardize(sfc.from_arrays(x, labels, task="binary", target_names=["sold"]))
    squares = sfc.fit_mars(*dataset.train, max_terms=3)
    logits = squares._replace(link="logit")
    for model, wanted in (
        (hinge_network(), "effect on logit of sold"),
        (logits, "effect on logit of sold"),
        (squares, "effect on sold"),  # regressions of 0 and 1
    ):
        drawn = plots.shape_functions(model, dataset, features=[0], ax=records.axes(1))
        assert drawn.get_ylabel() == wanted
    drawn = plots.importance([1.0] * 4, dataset, measure="contribution", ax=records.axes(1))
    assert drawn.get_xlabel() == "mean absolute effect on the logit"


@pytest.mark.parametrize(
    ("draw", "error", "sentence"),
    [
        (lambda: plots.shape_functions(5), TypeError, "models must be models, or ShapeFunctions"),
        (lambda: plots.shape_functions({}), ValueError, "models must hold at least one model"),
        (lambda: plots.shape_functions(hinge_network()), ValueError, "about must hold rows"),
        (
            lambda: plots.shape_functions(records.shapes(), 5),
            TypeError,
            "about must be a Dataset, a Model or an About; got 5",
        ),
        (
            lambda: plots.shape_functions(records.shapes(), features=[9]),
            ValueError,
            "features must have curves; column 9 has none",
        ),
        (
            lambda: plots.shape_functions(records.shapes(), target=1),
            ValueError,
            "target must be below 1; got 1",
        ),
        (
            lambda: plots.surface(hinge_network(), records.ABOUT),
            ValueError,
            "features must be two columns of x for a model",
        ),
        (lambda: plots.convergence([]), ValueError, "runs must hold at least one run; got none"),
        (lambda: plots.convergence(3), TypeError, "runs must be TrainResults or Histories; got 3"),
        (
            lambda: plots.convergence(records.trained(np.array(0.1)), over="seconds"),
            ValueError,
            "over must be 'step' or 'epoch' for a TrainResult",
        ),
        (
            lambda: plots.convergence(records.trained(np.array(0.1)), measure="accuracy"),
            ValueError,
            "measure must be 'loss' for runs that recorded no accuracy",
        ),
        (lambda: plots.knot_drift(3), TypeError, "track must be a KnotTrack; got 3"),
        (lambda: plots.alignment({}), ValueError, "tracks must hold at least one KnotTrack"),
        (
            lambda: plots.importance(ImportanceTable(("a",), ("gcv",), np.ones((1, 1)))),
            ValueError,
            "measure must be one of found; 'permutation' is not in",
        ),
        (
            lambda: plots.predicted_against_observed([1.0], [1.0, 2.0]),
            ValueError,
            r"predicted must have shape \(2, 1\); got \(1, 1\)",
        ),
        (
            lambda: plots.calibration([0.2, 1.5], [0, 1]),
            ValueError,
            r"probability must lie in \[0, 1\]; got 0.2 to 1.5",
        ),
        (lambda: plots.intervals(["a"]), ValueError, "values must be a mapping"),
        (lambda: plots.intervals({"a": {"b": 3}}), TypeError, r"must be an Interval; got 3"),
        (
            lambda: plots.shape_functions(records.shapes(), features=[]),
            ValueError,
            "features must name at least one column",
        ),
        (
            lambda: plots.drift_over_steps(records.drift(), flips=[0.1]),
            ValueError,
            "flips must be a mapping",
        ),
        (
            lambda: plots.convergence(records.history(0.1), levels=[0.1]),
            ValueError,
            "levels must be a mapping",
        ),
        (
            lambda: plots.alignment(records.drift(), threshold=None),
            ValueError,
            "threshold must be a finite number",
        ),
        (
            lambda: plots.importance([0.1], measure=["gcv"]),
            ValueError,
            "measure must be text",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(draw, error, sentence):
    with pytest.raises(error, match=sentence):
        draw()
    assert plt.get_fignums() == []


def test_drawing_loads_pyplot_for_its_own_figures_alone():
    program = (
        "import sys, spline_fc as sfc\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from matplotlib.figure import Figure\n"
        "sfc.plots.importance([1.0, 2.0], ax=Figure().subplots())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_records_of_recorders_are_drawn():
    trace = {"step": np.array([0, 30]), "params": _stacked()}
    found = recorded_networks(trace)
    track = track_networks(found.networks, found.step, normal_rows(), scaler=records.SCALER)
    flips = {"Dense_0": np.array([[0.0, 0.0], [0.5, 0.1]])}
    *_, last = plots.drift_over_steps(track, flips, ax=records.axes(3))
    np.testing.assert_allclose(last.get_lines()[0].get_ydata(), [0.0, 0.3])
    assert [text.get_text() for text in last.texts] == ["layer 1"]


def _stacked():
    first, second = hinge_network(), records.moved_network()
    return {
        layer: {name: np.stack([leaves[name], second[layer][name]]) for name in leaves}
        for layer, leaves in first.items()
    }
