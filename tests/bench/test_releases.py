"""Two releases are compared, each by its own code, and what is no release is one line."""

import shutil

import pytest

from lthlib.bench import releases
from lthlib.errors import LthError, SpecError


@pytest.fixture
def other(tmp_path):
    """A release in which an iteration takes half a second, or so it says."""
    shutil.copytree(releases.HERE / "lthlib", tmp_path / "lthlib", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "lthlib" / "lab" / "cost.py").open("a") as file:
        file.write("\n\ndef paces(*given, **named):\n    return [0.5, 0.4, 0.6]\n")
    return tmp_path


def test_each_release_is_timed_by_its_own_code(other):
    said = []
    (found,) = releases.compare(other, [("lenet", "fp32")], {"lenet": 2}, turns=1, tell=said.append)
    assert found["before_ms"] == pytest.approx(500)
    assert 0 < found["after_ms"] < 500
    assert found["ratio"] == pytest.approx(found["before_ms"] / found["after_ms"])
    assert said[0].startswith("lenet     fp32")


def test_a_folder_without_a_release_and_one_that_cannot_do_it_are_one_line(other, tmp_path):
    with pytest.raises(SpecError, match="there is no lthlib in .*name the folder of a clone"):
        releases.compare(tmp_path / "nowhere", [("lenet", "fp32")], {"lenet": 2})
    (other / "lthlib" / "lab" / "cost.py").write_text("raise ValueError('too old')\n")
    with pytest.raises(LthError, match=r"cannot time lenet \(ValueError: too old\)"):
        releases.compare(other, [("lenet", "fp32")], {"lenet": 2})


def test_a_release_from_before_the_rooms_is_timed_too(other):
    package = other / "lthlib"
    shutil.rmtree(package)
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "specs.py").write_text("def spec(*given, **named):\n    pass\n")
    (package / "cost.py").write_text("def paces(*given, **named):\n    return [0.25]\n")
    (package / "machine.py").write_text("from contextlib import nullcontext as prepared\n")
    (found,) = releases.compare(other, [("lenet", "fp32")], {"lenet": 2}, turns=1)
    assert found["before_ms"] == pytest.approx(250)
