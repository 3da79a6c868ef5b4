"""Every picture draws the numbers of its record."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PolyCollection

from spline_fc import plots
from spline_fc.analysis import (
    ImportanceTable,
    Permutation,
    ShapeFunctions,
    dependence_surface,
    plane_cells,
    shape_functions,
)
from spline_fc.analysis.forward import output
from spline_fc.data import from_arrays
from tests.analysis.splines import hinge_network, normal_rows
from tests.plots import records


def strong(ax):
    """The heavy lines of axes: (points, 2) each."""
    return [line.get_xydata() for line in ax.get_lines() if line.get_linewidth() >= 1.5]


def test_losses_are_drawn_over_each_clock():
    found = records.history(0.1)
    for over in ("step", "epoch", "seconds"):
        (ax,) = records.axes(1)
        plots.convergence({"He": found}, over=over, levels={"spline alone": 0.3}, ax=ax)
        clock = getattr(found, over)
        np.testing.assert_array_equal(strong(ax)[0], np.c_[clock, found.validation_loss])
        best = [line for line in ax.get_lines() if line.get_marker() == "o"]
        np.testing.assert_array_equal(best[0].get_xydata(), [[clock[-1], found.test_loss[-1]]])
        assert [text.get_text() for text in ax.texts] == ["He", "spline alone"]
        assert 0.3 in [line.get_ydata()[0] for line in ax.get_lines()]
        assert ax.get_yscale() == "log"


def test_accuracies_are_drawn_and_the_highest_is_marked():
    found = records.history(0.1)
    (ax,) = records.axes(1)
    plots.convergence(found, measure="accuracy", ax=ax)
    np.testing.assert_array_equal(strong(ax)[0], np.c_[found.step, found.validation_accuracy])
    (best,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
    np.testing.assert_array_equal(best.get_xydata(), [[60, found.validation_accuracy.max()]])
    assert ax.get_ylabel() == "validation accuracy" and ax.get_yscale() == "linear"


def test_replicas_are_thin_lines_about_their_median():
    ends = np.array([[0.5, 0.6], [0.7, 1.5]])
    (ax,) = records.axes(1)
    plots.convergence(records.trained(ends), ax=ax)
    thin = [line.get_ydata() for line in ax.get_lines() if line.get_linewidth() < 1]
    np.testing.assert_allclose(np.array(thin)[:, -1], ends.ravel() + np.exp(-4))
    assert strong(ax)[0][-1] == pytest.approx([40, 0.65 + np.exp(-4)])
    plots.convergence(records.trained(np.array(0.9)), ax=(ax := records.axes(1)[0]))
    assert ax.get_yscale() == "linear"  # from 1.9 to 0.9: no logarithm


def test_a_run_that_diverged_is_drawn_as_far_as_it_came():
    found = records.history(0.1)
    found.validation_loss[3:] = np.nan
    lost = found._replace(validation_loss=np.full(7, np.nan))
    (ax,) = records.axes(1)
    plots.convergence({"He": found, "lost": lost}, ax=ax)
    assert [text.get_text() for text in ax.texts] == ["He"]
    ax.figure.canvas.draw()


def test_intervals_stand_where_they_belong():
    values = {"abalone": {"spline": records.interval(2), "He": records.interval(np.nan)}}
    values["wine"] = {"spline": records.interval(3)}
    (ax,) = records.axes(1)
    plots.intervals(values, par=1, ax=ax)
    spline = ax.get_lines()[0]
    assert spline.get_xdata().tolist() == [2, 3] and spline.get_label() == "spline"
    bars = next(c for c in ax.collections if isinstance(c, LineCollection)).get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[1.9, 2.1], [2.9, 3.1]])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["abalone", "wine"]


def test_shape_functions_are_the_curves_of_the_record_and_seeds_a_band():
    one = records.shapes()
    axes = plots.shape_functions(one, records.ABOUT, ax=lambda count: records.axes(count))
    assert len(axes) == 4
    reach = [np.ptp(strong(ax)[-1][:, 1]) for ax in axes]
    assert reach == sorted(reach, reverse=True)
    names = {ax.get_title("left"): ax for ax in axes}
    for curve in one.curves:
        ax = names[records.ABOUT.feature(curve.feature)]
        np.testing.assert_allclose(strong(ax)[-1], np.c_[curve.grid, curve.value[:, 0]])
    seeds = [records.shapes(seed) for seed in range(3)]
    drawn = plots.shape_functions({"before": one, "after": seeds}, features=[0], ax=records.axes(1))
    after = next(line for line in drawn.get_lines() if line.get_label() == "after")
    grid = after.get_xdata()
    at = np.stack([found.curves[0].at(grid)[:, 0] for found in seeds])
    np.testing.assert_allclose(after.get_ydata(), at.mean(axis=0), atol=0.02)
    (band,) = [c for c in drawn.collections if len(c.get_paths()) == 1]
    ends = band.get_paths()[0].vertices[:, 1]
    assert ends.min() == pytest.approx(at.min(), abs=0.02)
    assert ends.max() == pytest.approx(at.max(), abs=0.02)


def test_a_network_is_measured_and_drawn_in_raw_units():
    drawn = plots.shape_functions(hinge_network(), records.ABOUT, features=[1], ax=records.axes(1))
    (found,) = shape_functions(
        hinge_network(), normal_rows(), features=[1], scaler=records.SCALER
    ).curves
    np.testing.assert_allclose(strong(drawn)[-1], np.c_[found.grid, found.value[:, 0]])
    assert drawn.get_ylabel() == "effect on quality"


def test_panels_share_their_scale_unless_told_otherwise():
    shared = plots.shape_functions(records.shapes(), ax=lambda n: records.axes(n))
    assert len({ax.get_ylim() for ax in shared}) == 1
    own = plots.shape_functions(records.shapes(), share_y=False, ax=lambda n: records.axes(n))
    assert len({ax.get_ylim() for ax in own}) == len(own)


def test_every_target_has_a_panel():
    about = records.ABOUT._replace(target_names=("north", "south"), scaler=None)
    axes = plots.shape_functions(
        records.two_outputs(), about, features=(0, 2), ax=lambda n: records.axes(n)
    )
    wanted = ["effect on north", "effect on south"] * 2
    assert [ax.get_ylabel() for ax in axes] == wanted
    assert [ax.get_title("left") for ax in axes] == ["alcohol"] * 2 + ["price $ and $"] * 2
    found = shape_functions(records.two_outputs(), normal_rows()).curves[2]
    ends = strong(axes[3])[-1][[0, -1], 1]
    np.testing.assert_allclose(ends, found.value[[0, -1], 1], atol=1e-9)
    one = plots.shape_functions(
        records.two_outputs(), about, features=[2], target=1, ax=records.axes(1)
    )
    np.testing.assert_array_equal(strong(one)[-1], strong(axes[3])[-1])


def test_categories_are_dots_with_names_never_lines():
    frame = pd.DataFrame(
        {"colour": ["red", "green", "blue", "red"] * 10, "used": ["yes", "no"] * 20}
    )
    dataset = from_arrays(frame, np.arange(40.0), target_names=["y"], seed=1)
    names = ("colour=blue", "colour=green", "colour=red", "used=yes")
    assert dataset.feature_names == names
    curves = tuple(
        records.line(j, *ends) for j, ends in enumerate([(-1, 3), (0.5, -2), (0.25, 0), (-1, 1)])
    )
    found = ShapeFunctions(curves, np.zeros(1), exact=True)
    colour, used = plots.shape_functions(found, dataset, ax=records.axes(2))
    assert [t.get_text() for t in colour.get_xticklabels()] == ["blue", "green", "red"]
    assert [t.get_text() for t in used.get_xticklabels()] == ["no", "yes"]
    dots = [one for one in colour.get_lines() if one.get_marker() == "D"]
    # -1 + 0.5 + 0.25 without any level, and what each adds to that
    np.testing.assert_allclose(dots[0].get_ydata(), [3.75, -2.75, -0.5])
    assert dots[0].get_linestyle() == "None"
    np.testing.assert_allclose(
        [one.get_ydata() for one in used.get_lines() if one.get_marker() == "D"], [[-1, 1]]
    )
    counts = np.asarray(dataset.train.x)[:, :3].sum(axis=0)
    bars = [patch.get_height() for patch in colour.patches]
    np.testing.assert_allclose(bars, 0.3 * counts / counts.max())
    few = plots.shape_functions(found, dataset, most=1, ax=records.axes(1))
    assert few.get_title("left") == "colour" and few.get_xlabel() == "1 more not shown"
    one_level = plots.shape_functions(found, dataset, features=[1], ax=records.axes(1))
    assert one_level.get_title("left") == "colour"


def test_surfaces_are_those_of_the_analysis_on_one_scale():
    networks = {"before": hinge_network(), "after": records.moved_network()}
    axes = plots.surface(networks, records.ABOUT, features=(0, 2), ax=records.axes(2))
    meshes = [ax.collections[0] for ax in axes]
    for mesh, network in zip(meshes, networks.values(), strict=True):
        found = dependence_surface(network, normal_rows(), (0, 2), scaler=records.SCALER)
        np.testing.assert_allclose(
            np.asarray(mesh.get_array()).reshape(found.value.shape[1::-1]), found.value[:, :, 0].T
        )
    assert meshes[0].get_clim() == meshes[1].get_clim()
    assert [ax.get_title("left") for ax in axes] == ["before", "after"]
    assert axes[0].get_xlabel() == "alcohol" and axes[0].get_ylabel() == "price $ and $"


def test_partition_is_the_cells_of_the_plane_in_raw_units():
    params = records.moved_network()
    ax = plots.partition(params, records.ABOUT, features=(1, 2), ax=records.axes(1))
    drawn = next(c for c in ax.collections if isinstance(c, PolyCollection))
    cells = plane_cells(params, normal_rows(), (1, 2), scaler=records.SCALER)
    assert len(drawn.get_paths()) == len(cells) > 5
    assert ax.get_title("right") == f"{len(cells)} linear pieces"
    x = np.tile(np.median(normal_rows(), axis=0), (len(cells), 1))
    middles = np.array([cell.polygon.mean(axis=0) for cell in cells])
    x[:, 1:3] = (middles - records.SCALER.x_shift[1:3]) / records.SCALER.x_scale[1:3]
    np.testing.assert_allclose(drawn.get_array(), 5 * output(params, x)[:, 0] + 7)


def test_knots_stand_where_the_track_has_them():
    track = records.drift()
    axes = plots.knot_drift(track, records.ABOUT, ax=records.axes(3))
    assert [ax.get_title("left") for ax in axes] == ["alcohol", "pH", "price $ and $"]
    for record, height in ((0, 0.76), (1, 0.28)):
        found = [
            line.get_xdata() for line in axes[0].get_lines() if (line.get_ydata() == height).any()
        ]
        wanted = track.knot[record, (track.feature == 0) & track.aligned[-1]]
        np.testing.assert_allclose(np.sort(np.concatenate(found)), np.sort(wanted))
    few = plots.knot_drift(track, most=1, ax=records.axes(1))
    assert few.get_title("left") == "x0" and few.get_xlabel() == "2 more not shown"
    bare = track._replace(slope=np.full_like(track.slope, np.nan))  # of the first layer alone
    assert len(plots.knot_drift(bare, ax=records.axes(3))) == 3
    ways = plots.knots_over_steps(track, features=[1], best_step=1, ax=records.axes(1))
    found = {tuple(line.get_ydata()) for line in ways.get_lines()}
    assert {tuple(way) for way in track.knot[:, track.feature == 1].T} < found


def test_alignment_and_flips_count_every_unit():
    track = records.drift()
    moved = track.alignment.copy()
    moved[1] = (0.12, 0.13, 0.97, np.nan, 0.97, 0.97)
    ax = plots.alignment(track._replace(alignment=moved), ax=records.axes(1))
    after, before = (patch.get_data().values for patch in ax.patches)
    assert before[-1] == before.sum() == 6
    assert after[[2, -1]].tolist() == [2, 3] and after.sum() == 5
    shares = {"Dense_0": np.array([0.2, 0.0, 0.2, np.nan])}
    ax = plots.flipped({"He": shares}, ax=records.axes(1))
    np.testing.assert_allclose(
        ax.get_lines()[0].get_xydata(), [[0, 0], [0, 1 / 3], [0.2, 2 / 3], [0.2, 1], [1, 1]]
    )


def test_importance_ranks_features_by_the_last_model():
    value = np.array([[1.0, 9, 2], [3, 8, 1], [2, 7, 0]])
    table = ImportanceTable(("a", "b", "c"), ("x: permutation", "gcv", "y: permutation"), value)
    ax = plots.importance(table, ax=records.axes(1))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["c", "b", "a"]
    found = {c.get_label(): c.lines[0].get_xdata().tolist() for c in ax.containers}
    assert found == {"x": [2, 3, 1], "y": [0, 1, 2]}
    ax = plots.importance(table, measure="gcv", most=2, ax=records.axes(1))
    assert ax.containers[0].lines[0].get_xdata().tolist() == [8, 9]
    assert ax.get_title("right") == "2 of 3 features"
    shuffled = Permutation(1.0, np.zeros((2, 2)), np.array([1.0, 2]), np.array([0.1, 0.2]))
    ax = plots.importance({"network": shuffled}, plots.About(("a", "b")), ax=records.axes(1))
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[0.9, 1.1], [1.8, 2.2]])


def test_predictions_are_dots_and_their_errors_are_told():
    observed = np.array([[1.0, 10], [2, 20], [4, 30]])
    predicted = observed + [[1, 0], [-1, 0], [0, 0]]
    about = plots.About(target_names=("north", "south"))
    first, second = plots.predicted_against_observed(predicted, observed, about, ax=records.axes(2))
    np.testing.assert_array_equal(
        first.get_lines()[0].get_xydata(), np.c_[observed[:, 0], predicted[:, 0]]
    )
    assert first.get_title("right") == "R² 0.571, MAE 0.667"  # 1 - 2 / (14 / 3)
    assert second.get_title("right") == "R² 1.00, MAE 0"
    assert first.get_xlim() == first.get_ylim()


def test_intervals_are_bands_and_what_lies_without_is_red():
    observed, predicted = np.array([1.0, 2, 4]), np.array([1.5, 2, 3])
    band = predicted - [1, 0.5, 0.5], predicted + [1, 0.5, 0.5]
    ax = plots.predicted_against_observed(predicted, observed, interval=band, ax=records.axes(1))
    (lines,) = ax.collections
    ends = [segment[:, 1] for segment in lines.get_segments()]
    np.testing.assert_array_equal(ends, np.transpose(band))
    reds = (lines.get_colors()[:, 0] > 0.5).tolist()
    assert reds == [False, False, True] and ax.texts[-1].get_text() == "66.7 % within"
    assert ax.get_ylim()[0] <= 0.5 and ax.get_xlim() == ax.get_ylim()
    with pytest.raises(ValueError, match=r"upper must have shape \(3, 1\); got \(2, 1\)"):
        plots.predicted_against_observed(predicted, observed, interval=(band[0], [1, 2]))
    with pytest.raises(ValueError, match="interval must be None of classes"):
        plots.predicted_against_observed(
            [0.5], [1], plots.About(task="binary"), interval=([0], [1])
        )


def test_a_reliability_diagram_has_bins_of_confidence_and_its_error():
    p, label = np.array([0.1, 0.12, 0.9, 0.99, 0.99]), np.array([0, 1, 1, 1, 1])
    ax = plots.calibration(p, label, name="network", ax=records.axes(1)[0])
    dots = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(dots, [[(0.9 + 0.88 + 0.9) / 3, 2 / 3], [0.99, 1]])
    bars = ax.patches[0].get_data().values
    np.testing.assert_allclose(bars[[13, 14]], [0.25, 0.25 * 2 / 3])
    assert bars[:13].sum() == 0 and bars.size == 15
    error = (3 * (0.8933333 - 2 / 3) + 2 * 0.01) / 5
    assert ax.get_title("left") == "network"
    assert ax.get_title("right") == f"ECE {error:.2f}, 5 rows"
    diagonal = ax.get_lines()[0].get_xydata()
    np.testing.assert_array_equal(diagonal, [[0, 0], [1, 1]])


def test_probabilities_are_drawn_beside_shares():
    predicted, observed = np.array([0.11, 0.13, 0.95, 0.97]), np.array([0, 1, 1, 1])
    about = plots.About(target_names=("spam",), task="binary")
    ax = plots.predicted_against_observed(predicted, observed, about, ax=records.axes(1))
    dots = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(dots, [[0.12, 0.5], [0.96, 1.0]])
    assert ax.get_xlabel() == "predicted probability"
