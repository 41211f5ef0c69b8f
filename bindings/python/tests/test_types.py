"""The types are complete and true: the stubs of the native part beside it, and a program that is checked strictly."""

import pathlib
import subprocess
import sys

import pytest


def _checked(*arguments):
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stubs_say_what_there_is(tmp_path):
    # Native classes find attributes by name in another way, and native modules list all their names.
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("rhapsode._core.Solution.__getattr__\nrhapsode._core.__all__\n")
    _checked("mypy.stubtest", "rhapsode._core", "--allowlist", str(allowed))


def test_a_program_with_types_is_accepted(tmp_path):
    _checked("mypy", "--strict", "--cache-dir", str(tmp_path), str(pathlib.Path(__file__).with_name("typed.py")))
