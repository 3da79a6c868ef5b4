"""The data of every seed of a run."""

from absl import logging

from spline_fc import data
from spline_fc.data import Dataset
from spline_fc.runs.plan import PUBLISHED, Plan


def load_seeds(plan: Plan) -> list[Dataset]:
    """Loads the data of each seed, in raw units; what there is to say of a table is said once."""
    return [_load(plan, seed) for seed in range(plan.seeds)]


def _load(plan: Plan, seed: int) -> Dataset:
    split = seed if plan.data.get("split") == PUBLISHED else plan.data.get("split")
    verbosity = logging.get_verbosity()
    if seed > 0:
        logging.set_verbosity(logging.ERROR)
    try:
        dataset = data.load({**plan.data, "split": split}, seed=seed)
    finally:
        logging.set_verbosity(verbosity)
    if seed == 0 and dataset.encoding is not None:
        logging.info("columns, as they were taken:\n%s", data.describe_columns(dataset))
    return dataset
