"""Keys are stable, a Spec survives JSON, and what is none is told in one line."""

import dataclasses

import pytest

from lthlib import specs
from lthlib.errors import SpecError
from lthlib.specs import Rep

EXTENT = {
    "trials": 7,
    "rounds": 3,
    "arms": ("reinit",),
    "reinits": 2,
    "randoms": 4,
    "branch_step": 2,
    "oneshot_step": 3,
}


@pytest.mark.parametrize("change", EXTENT.items(), ids=str)
def test_asking_for_more_trainings_is_the_same_experiment(change):
    assert specs.key(specs.spec("lenet", **dict([change]))) == specs.key(specs.spec("lenet"))


OTHER = {
    "data": "mnist5k",
    "optimiser": "adam",
    "scope": "global",
    "inputs": "raw",
    "precision": "bf16",
    "drops": (5, 9),
    "augment": True,
}


@pytest.mark.parametrize("field", [f for f in dataclasses.fields(specs.Spec) if f.name not in {*EXTENT, "network"}])
def test_whatever_shapes_a_training_is_in_the_key(field):
    base = specs.Spec("conv2", data="cifar10", optimiser="sgd", arms=("ticket",))
    other = OTHER.get(field.name, 0.05 if field.type is float else 17)
    assert specs.key(dataclasses.replace(base, **{field.name: other})) != specs.key(base)


def test_a_field_added_later_at_its_default_renames_no_old_result():
    later = dataclasses.make_dataclass("Later", [("new", float, 0.5)], bases=(specs.Spec,), frozen=True)
    assert specs.key(later("lenet")) == specs.key(specs.spec("lenet"))
    assert specs.key(later("lenet", new=0.7)) != specs.key(specs.spec("lenet"))


def test_one_and_one_point_nought_are_one_experiment():
    assert specs.key(specs.spec("lenet", lr=1)) == specs.key(specs.spec("lenet", lr=1.0))


def test_json_brings_a_spec_back():
    spec = specs.spec("lenet", "laptop", arms=["ticket"], seed=3)
    assert specs.from_json(specs.as_json(spec)) == spec


@pytest.mark.parametrize("text", ["{", "null", "{}", '{"network": "lenet", "arms": ["ticket"], "newer": 1}'])
def test_json_that_is_no_experiment_is_one_line(text):
    with pytest.raises(SpecError, match="not an experiment that this version of the library knows") as error:
        specs.from_json(text)
    assert "\n" not in str(error.value)


def test_only_tickets_that_were_pruned_are_rewound():
    spec = specs.spec("lenet", rewind=100, arms=["ticket"])
    spans = {rep: specs.span(spec, rep) for rep in (Rep(specs.OPENING, 3), Rep("ticket", 3), Rep("ticket", 3, 1))}
    assert list(spans.values()) == [(0, 100), (0, 50_000), (100, 50_000)]
    assert specs.span(spec, Rep("reinit", 3, 1)) == specs.span(spec, Rep("random", 3, 1)) == (0, 50_000)
    assert specs.span(specs.spec("lenet"), Rep("ticket", 3, 1)) == (0, 50_000)
