"""What is shown of an experiment is what is run, and the paper's value beside it is the paper's."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lthlib import specs
from lthlib.errors import SpecError
from lthlib.specs import profiles

NAMED = [(n, p, s) for n in specs.PAPER for p in specs.PROFILES for s in (None, *specs.SETTINGS.get(n, {}))]
DEFAULTS = {f.name: f.default for f in fields(specs.Spec)}
SIZES = st.integers(1, 9)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["trials", "rounds", "reinits", "randoms", "seed", "branch_step", "warmup"], SIZES),
        "iterations": st.integers(100, 200_000),
        "lr": st.floats(1e-6, 10) | st.just(1),
        "rate_fc": st.floats(0, 0.9),
        "inputs": st.sampled_from(list(specs.INPUTS)),
        "arms": st.lists(st.sampled_from(list(specs.ARMS)), min_size=1, unique=True),
        "drops": st.lists(st.integers(1, 99), unique=True).map(sorted),
        "width": st.none(),
    },
)


@given(st.sampled_from(NAMED), CHANGES)
def test_what_is_shown_is_what_is_run(named, changes):
    shown, spec = specs.origins(*named, **changes), specs.spec(*named, **changes)
    assert {line.field: line.value for line in shown} | {"network": named[0]} == vars(spec)
    assert [line.field for line in shown] == [f.name for f in fields(specs.Spec)][1:]
    asked = {name: value for name, value in changes.items() if value is not None}
    assert {line.field for line in shown if line.source == "option"} == set(asked)


@given(st.sampled_from(NAMED), CHANGES)
def test_who_a_value_is_said_to_come_from_gave_it(named, changes):
    given_by = {layer.source: layer.values for layer in profiles.layers(*named, **changes)}
    for line in specs.origins(*named, **changes):
        if line.source == "default":
            assert line.field not in specs.SAID[named[0]].keys() | specs.OPEN[named[0]].keys()
            assert line.value == DEFAULTS[line.field]
        else:
            assert given_by[line.source][line.field] == line.value


@given(st.sampled_from(NAMED), CHANGES)
def test_the_papers_value_is_that_of_its_own_profile(named, changes):
    network, _, setting = named
    paper = specs.spec(network, "paper", setting)
    for line in specs.origins(*named, **changes):
        assert line.paper == (getattr(paper, line.field) if line.field in specs.SAID[network] else None)


def test_a_variation_of_the_paper_is_the_papers():
    (lr,) = (line for line in specs.origins("lenet", "quick", variation={"lr": 4e-4}) if line.field == "lr")
    assert lr == ("lr", 4e-4, 4e-4, "variation")


def test_as_text_is_a_line_for_each_field_in_columns():
    asked = {"network": "resnet20", "profile": "laptop", "setting": "lr0.1", "lr": 0.05, "drops": []}
    title, empty, head, *lines = specs.as_text(specs.spec(**asked), specs.origins(**asked)).splitlines()
    assert title == f"ResNet-20, experiment {specs.key(specs.spec(**asked))}"
    assert (empty, head.split()) == ("", ["field", "here", "the", "paper", "from"])
    assert len(lines) == len(fields(specs.Spec)) - 1
    found = dict(line.split(maxsplit=1) for line in lines)
    assert found["iterations"].split() == ["6000", "30000", "profile", "laptop"]
    assert found["lr"].split() == ["0.05", "0.1", "option"]
    assert found["drops"].split() == ["none", "20000,25000", "option"]
    assert found["inputs"].split() == ["standard", "not", "said", "ours"]
    assert found["warmup"].split() == ["0", "0", "setting", "lr0.1"]
    starts = {line.index(line.split()[1]) for line in lines}
    assert len(starts) == 1


def test_what_a_network_has_not_is_said_neither_by_the_paper_nor_by_us():
    lines = specs.as_text(specs.spec("lenet"), specs.origins("lenet")).splitlines()
    assert ["momentum", "0.0", "-", "default"] in [line.split() for line in lines]


def test_what_is_none_is_told_in_one_line():
    with pytest.raises(SpecError, match="unknown parameter 'trails'"):
        specs.origins("lenet", trails=3)
