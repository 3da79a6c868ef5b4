"""The page that judges the method: verdicts follow their rule, every record is named."""

import json
import shutil

import numpy as np
import pytest

from experiments import claims, claims_against, claims_index
from tests import guides

RESULTS = guides.ROOT / "results"


@pytest.mark.parametrize(
    "ratios, verdict, numbers",
    [
        (
            {"a": 0.5, "b": 0.1},
            claims.CONFIRMED,
            "median 0.300 (0.100 to 0.500), below 1 on 2 of 2",
        ),
        ({"a": 0.5, "b": 0.1, "c": 1.0}, claims.PARTLY, "below 1 on 2 of 3; not on c (1.00)"),
        ({"a": 0.5, "b": np.inf}, claims.NOT, "below 1 on 1 of 2; not on b (never)"),
        ({"a": 0.0, "b": np.nan}, claims.NOT, "below 1 on 1 of 2; not on b"),
    ],
)
def test_a_verdict_counts_the_sets_on_which_we_are_below(ratios, verdict, numbers):
    found, told = claims.judge(ratios)
    assert found == verdict and numbers in told


def test_every_claim_has_a_verdict_and_stands_with_its_subject():
    found = claims.claims(RESULTS)
    assert {one.verdict for one in found} <= {claims.CONFIRMED, claims.PARTLY, claims.NOT}
    subjects = [one.claim.split(":")[0] for one in found]
    assert list(dict.fromkeys(subjects)) == [s for s in claims.SUBJECTS if s in subjects]
    assert all((RESULTS / one.record).exists() for one in found)


def reproduced(free, his):
    """A set on which the spline reaches He's best in one of his two epochs."""
    measures = ("rmse", "clipped_rmse", *claims.READ)
    readout = {
        f"{name}{when}": dict.fromkeys(measures, [value, value])
        for name, value in (("spline", free), ("he_normal", his))
        for when in ("", ", before training")
    }
    cells = {
        name: {"pairs": [{"validation": losses}] * 2, "steps_per_epoch": 10}
        for name, losses in (("spline", [3, 1]), ("he_normal", [4, 3, 1]))
    }
    costs = {"start": [1.0], "step": [0.1], "cold_start": [1.0], "compile": [1.0]}
    return {"contenders": cells, "readout": readout, "costs": dict.fromkeys(cells, costs)}


def test_the_methods_own_tables_are_judged_by_cost_and_readout(tmp_path):
    for name, free in (("a", 0.9), ("b", 0.5)):
        record = {"set": name, "sizes": [1], **reproduced(free, 0.6)}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    found = {one.claim: one for one in claims.MAKERS["reproduce"](tmp_path)}
    told = found[f"Easier to read after training: {claims.READ['additive']}"]
    assert told.verdict == claims.NOT
    assert told.numbers == "free 0.50 to 0.90, He 0.60 to 0.60; free above He on 1 of 2 sets"
    steps, warm, cold = (one for claim, one in found.items() if "steps" in claim or "time" in claim)
    assert "median 0.500 (0.500 to 0.500)" in steps.numbers
    assert "median 0.667" in warm.numbers and "median 0.750" in cold.numbers
    (end,) = (one for claim, one in found.items() if claim.endswith("test RMSE"))
    assert end.numbers == "median 1.17 (0.833 to 1.50), below 1 on 1 of 2; not on a (1.50)"


def test_what_speaks_against_the_method_is_told():
    found = claims_against.doubts(RESULTS)
    told = {one.where: one.what for one in found}
    assert "uci_protein at 128 (1.000)" in told["Mean test error not below He's"]
    assert "seconds to He's best over He's own: 6" in told["Classifier: adult"]
    assert "never" in told["Head of convolutions, NNX, whole network"]
    assert all((RESULTS / one.record).exists() for one in found)


def test_the_index_names_every_folder_of_records(tmp_path):
    names = [path.name for path in RESULTS.iterdir() if path.is_dir()]
    text = claims_index.table(RESULTS)
    assert all(f"| {name} |" in text for name in names)
    shutil.copytree(RESULTS / "equivalence", tmp_path / "unheard_of")
    with pytest.raises(ValueError, match="FOLDERS must name 'unheard_of'; it does not"):
        claims_index.table(tmp_path)
