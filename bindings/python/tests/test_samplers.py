"""The examples of samplers find what their data were made with."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))


def check(draws):
    # The posterior's own width is 0.02 and 0.05.
    assert draws["k"].mean() == pytest.approx(0.7, abs=0.08) and 0.003 < draws["k"].std() < 0.1
    assert draws["x"].mean() == pytest.approx(2.0, abs=0.2) and 0.01 < draws["x"].std() < 0.2


@pytest.mark.parametrize("name", ["numpyro", "blackjax"])
def test_jax_samplers(name):
    pytest.importorskip("jax")
    pytest.importorskip(name)
    import jax_nuts

    check(getattr(jax_nuts, f"with_{name}")())


def test_pymc():
    pytest.importorskip("pymc")
    import pymc_nuts

    check(pymc_nuts.with_pymc())
