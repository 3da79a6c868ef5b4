"""Fixtures of the fit."""

import pytest


@pytest.fixture
def many_rows(monkeypatch):
    """Every fit is that of many rows: compiled steps."""
    monkeypatch.setattr("spline_fc.cpwl.inputs.is_small", lambda *_: False)
