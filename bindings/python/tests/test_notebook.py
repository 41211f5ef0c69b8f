"""The tutorial runs from its first cell to its last."""

import pathlib

import pytest

NOTEBOOK = pathlib.Path(__file__).parents[1] / "examples" / "tutorial.ipynb"


def test_the_tutorial_runs():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [set(output.get("data", ())) for output in outputs]
    assert any("image/png" in kinds for kinds in shown) and sum("text/html" in kinds for kinds in shown) >= 3
