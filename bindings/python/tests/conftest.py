"""Runs the package's docstring examples with the tests."""

import pathlib

import pytest

MODELS = pathlib.Path(__file__).parents[3] / "examples" / "models"


@pytest.fixture
def models():
    """The folder of example models."""
    return MODELS
