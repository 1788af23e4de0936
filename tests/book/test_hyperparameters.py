"""The page of hyperparameters lists every field of an experiment, for every network, and says which values are ours."""

from dataclasses import fields

import pytest

from lthlib import specs
from lthlib.book import hyperparameters
from lthlib.errors import SpecError

FIELDS = {f.name for f in fields(specs.Spec)} - {"network"}
ALL = hyperparameters.groups(",".join(specs.PAPER))


def cells(table):
    """Of each line by its field, or its title: what stands in it, by network."""
    lines = table.frame.to_dict("records")
    return {(title := line.pop("field")).rpartition("(")[2].rstrip(")") or title: line for line in lines}


def test_the_page_lists_every_field_and_every_network():
    assert set(hyperparameters.LABELS) == FIELDS
    tables = [hyperparameters.figure2(some) for some in ALL]
    assert {row for table in tables for row in cells(table)} >= FIELDS
    assert {name for table in tables for name in table.frame.columns[1:]} == set(specs.NAMES.values())


@pytest.mark.parametrize("network", specs.PAPER)
def test_what_the_paper_does_not_say_has_an_asterisk_and_a_reason(network):
    shown = {row: line[specs.NAMES[network]] for row, line in cells(hyperparameters.figure2([network])).items()}
    assert {row for row, cell in shown.items() if cell.endswith("*")} == set(specs.OPEN[network])
    assert set(specs.SAID[network]) <= set(shown)
    table = hyperparameters.figure2([network])
    reasons = dict(zip(cells(table), table.notes, strict=True))
    assert all(reasons[name] for name in specs.OPEN[network])


def test_small_print_is_about_lines_and_networks_that_there_are():
    for row, networks, _ in hyperparameters.NOTES:
        assert row in FIELDS | {"conv", "weights"}
        assert set(networks) <= set(specs.PAPER)
        assert row in cells(hyperparameters.figure2(networks)) or row == "conv"


def test_values_are_those_of_the_paper():
    shown = cells(hyperparameters.figure2(["lenet", "conv6", "vgg19"]))
    assert shown["weights"]["Conv-6"] == "1,667,264 (1.7M)"
    assert list(shown["iterations"].values()) == ["50,000", "30,000", "112,480"]
    assert list(shown["lr"].values()) == ["0.0012", "0.0003", "0.1"]
    assert list(shown["rate_conv"].values()) == ["–", "15 %", "20 %"]
    assert shown["drops"] == {"Lenet-300-100": "never", "Conv-6": "never", "VGG-19": "56,240, 84,360"}


def test_a_line_that_none_of_the_networks_has_is_left_out():
    assert "momentum" not in cells(hyperparameters.figure2(["lenet"]))
    assert cells(hyperparameters.figure2(["lenet", "vgg19"]))["momentum"]["Lenet-300-100"] == "–"


def test_settings_have_the_line_they_change_beside_them():
    lines = hyperparameters.settings(["lenet", "conv2", "vgg19"]).frame.to_dict("records")
    assert [(line["network"], line["setting"]) for line in lines] == [
        ("Conv-2", "dropout"),
        *(("VGG-19", setting) for setting in ("lr0.1", "lr0.01", "warmup")),
    ]
    assert lines[0]["instead"] == "dropout 0.5 (0); learning rate 0.0003 (0.0002); iterations 60,000 (20,000)"
    assert "no other setting" in hyperparameters.settings(["lenet"])._repr_html_()


@pytest.mark.parametrize("profile", ["quick", "laptop"])
@pytest.mark.parametrize("network", specs.PAPER)
def test_a_profile_shows_what_it_changes(network, profile):
    shown = {
        row: line[specs.NAMES[network]] for row, line in cells(hyperparameters.profile(profile, [network])).items()
    }
    ours, paper = vars(specs.spec(network, profile)), vars(specs.spec(network))
    assert set(shown) == {name for name in FIELDS if ours[name] != paper[name]}
    assert shown["iterations"] == f"{ours['iterations']:,} ({paper['iterations']:,})"


def test_profiles_that_change_nothing_say_so_without_lines():
    assert hyperparameters.profile("paper", ["lenet"]).frame.empty


def test_a_table_is_text_too():
    assert "Gaussian Glorot" in repr(hyperparameters.figure2(["lenet"]))


def test_a_network_that_is_none_is_one_line():
    with pytest.raises(SpecError, match="unknown network 'lanet'; choose from lenet"):
        hyperparameters.groups("lenet, lanet")
    assert hyperparameters.groups("") == []
