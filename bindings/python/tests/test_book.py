"""The examples of the book's page on Python run, one after the other."""

import pathlib
import re

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "src" / "python.md"


def test_the_page_runs():
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 5
    exec(compile("\n".join(examples), str(PAGE), "exec"), {"__name__": "page"})
