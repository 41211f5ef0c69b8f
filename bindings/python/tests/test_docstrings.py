"""Every example in a docstring runs."""

import doctest
import importlib

import pytest

MODULES = ["rhapsode", "rhapsode._core", "rhapsode._errors", "rhapsode._ivp"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS



@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=FLAGS)
    assert tried > 0 and failed == 0
