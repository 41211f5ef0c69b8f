"""Every example in a docstring runs."""

import doctest
import importlib

import pytest

MODULES = ["rhapsode", "rhapsode._errors", "rhapsode._ivp"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0 and failed == 0
