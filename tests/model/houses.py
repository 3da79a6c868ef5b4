"""A small table of numbers, words and dates, and models of it."""

import functools

import jax
import numpy as np
import pandas as pd

import spline_fc as sfc
from spline_fc.cpwl.terms import Term, as_spline, term_values
from spline_fc.ensemble import keep_held_out

LEVELS = ("ash", "elm", "oak")
MEMBERS = 4


def table(rows=120, seed=0):
    """A frame of a number, a category of three and one of two levels, and a date; and a target."""
    rng = np.random.default_rng(seed)
    area, tree = rng.uniform(1, 9, rows), rng.integers(0, 3, rows)
    frame = pd.DataFrame(
        {
            "area": area,
            "tree": np.array(LEVELS)[tree],
            "lit": np.array(["no", "yes"])[rng.integers(0, 2, rows)],
            "sold": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, rows), "D"),
        }
    )
    return frame, 50 + 10 * np.maximum(area - 4, 0) + 7 * tree + rng.normal(0, 0.5, rows)


def labelled(task):
    """The table with its labels as a column."""
    frame, y = table()
    labels = ("dear", "cheap") if task == "binary" else ("dear", "cheap", "fair")
    cuts = np.quantile(y, np.arange(1, len(labels)) / len(labels))
    return frame.assign(label=np.array(labels)[np.digitize(y, cuts)])


def data(task):
    frame, y = table()
    if task == "regression":
        return sfc.from_arrays(frame, pd.Series(y, name="price"))
    return sfc.from_arrays(frame, labelled(task)["label"], task=task)


def spline(x, y):
    """Least squares on a few terms of each kind, the last four not additive; none is compiled."""
    along, up = ((5, -1.0, 0.1),), ((5, 1.0, 0.1),)
    knots = np.quantile(x[:, 0], [0.25, 0.5, 0.75])
    singles = [((0, sign, float(t)),) for t in knots for sign in (1.0, -1.0)]
    singles += [((v, 1.0, float(x[:, v].min())),) for v in (1, 3, 4)]
    others = [((0, 0.5, 0.1), (3, 2.0, 0.2)), ((0, 1.0, -0.5), (5, -0.7, 0.3))]
    others += [((6, 1.0, 0.3),), ((6, -1.0, -0.2),)]
    terms = [Term(factors) for factors in (up, along, *singles, *others)]
    projection = np.array([[0.6, 0.3, 0.0, -0.2, 0.1, 0.4]]).T
    values = term_values(np.hstack([x, x @ projection]).astype(np.float64), terms)
    values[:, 0] -= values[:, 1]  # both halves of a linear term have one coefficient
    values[:, 1] = 1
    coef = np.linalg.lstsq(values, y.astype(np.float64), rcond=None)[0]
    intercept, coef[1] = coef[1].copy(), -coef[0]
    return as_spline(terms, intercept, coef, projection, np.float32)


def additive(model):
    """The model without the terms of several columns."""
    return model._replace(spline=model.spline._replace(coef=model.spline.coef.at[-4:].set(0)))


@functools.cache
def fitted(task, parts=("spline", "params"), **options):
    """A model of the table, and the data set that it was made of."""
    dataset = sfc.standardize(data(task))
    found = {"spline": spline(*dataset.train)}
    found["params"] = sfc.to_params(found["spline"])
    return sfc.make_model(dataset, **{part: found[part] for part in parts}, **options), dataset


@functools.cache
def several(task, **options):
    """A model of members that are a network with a little noise; each holds a fourth out."""
    one, dataset = fitted(task)
    rng = np.random.default_rng(0)

    def noisy(leaf):
        noise = 1 + 0.05 * rng.normal(size=(MEMBERS, *leaf.shape))
        return (np.asarray(leaf) * noise).astype(np.float32)

    members = jax.tree.map(noisy, one.params)
    x, y = dataset.train
    held_out = np.arange(len(x)) % MEMBERS == np.arange(MEMBERS)[:, None]
    loss = None if task == "regression" else one.loss
    held = keep_held_out(members, held_out, x, y, loss=loss)
    return sfc.make_model(dataset, spline=one.spline, held_out=held, loss=one.loss, **options)
