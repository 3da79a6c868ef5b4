"""The data of every seed of a run."""

import logging

from absl import logging as absl_logging

from spline_fc import data
from spline_fc.data import Dataset
from spline_fc.runs.plan import PUBLISHED, Plan


def load_seeds(plan: Plan) -> list[Dataset]:
    """Loads the data of each seed, in raw units; what there is to say of a table is said once."""
    return [_load(plan, seed) for seed in range(plan.seeds)]


def _load(plan: Plan, seed: int) -> Dataset:
    split = seed if plan.data.get("split") == PUBLISHED else plan.data.get("split")
    logger = logging.getLogger("absl")  # whose level a program may have chosen apart from absl's
    level = logger.level
    if seed > 0:
        logger.setLevel(logging.ERROR)
    try:
        dataset = data.load({**plan.data, "split": split}, seed=seed)
    finally:
        logger.setLevel(level)
    if seed == 0 and dataset.encoding is not None:
        absl_logging.info("columns, as they were taken:\n%s", data.describe_columns(dataset))
    return dataset
