"""The guide to the estimators: its code blocks run, and it names every option."""

from sklearn.base import BaseEstimator

import spline_fc as sfc
from tests import guides


def test_code_blocks_run(capsys):
    guides.run_blocks("estimators.md", at_least=2)
    assert "R2" in capsys.readouterr().out


def test_every_option_is_named():
    text = guides.read("estimators.md")
    makes: list[type[BaseEstimator]] = [sfc.SplineFCRegressor, sfc.MARSRegressor]
    for make in makes:
        for option in make().get_params():
            assert f"`{option}`" in text, option
