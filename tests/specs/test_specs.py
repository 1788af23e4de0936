"""The table of hyperparameters is the paper's, keys are stable, and bad input is told in one line."""

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


def test_lenet_is_figure_2_of_the_paper():
    lenet = specs.spec("lenet", "paper")
    assert (lenet.iterations, lenet.batch, lenet.optimiser, lenet.lr) == (50_000, 60, "adam", 1.2e-3)
    assert (lenet.rate_fc, lenet.rate_out, lenet.trials, lenet.eval_every) == (0.2, 0.1, 5, 100)


@pytest.mark.parametrize(
    ("network", "profile", "key"),
    [("lenet", "paper", "9107bebfcbef"), ("lenet", "laptop", "aea0d6bd259e"), ("lenet", "quick", "ed9ffad140ea")],
)
def test_keys_never_change_so_that_stored_results_are_found_again(network, profile, key):
    assert specs.key(specs.spec(network, profile)) == key


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


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("unknown network 'lanet'", {"network": "lanet"}),
        ("unknown profile 'huge'", {"profile": "huge"}),
        ("unknown parameter 'trails'", {"trails": 3}),
        ("unknown arm 'tickets'", {"arms": ["tickets"]}),
        ("no arm", {"arms": []}),
        ("unknown data 'cifar'", {"data": "cifar"}),
        ("trials must be at least 1, not 0", {"trials": 0}),
        ("trials must be a whole number, not 'three'", {"trials": "three"}),
        ("trials must be a whole number, not True", {"trials": True}),
        ("rounds must be a whole number, not 2.5", {"rounds": 2.5}),
        ("rounds must be at least 0, not -1", {"rounds": -1}),
        (r"rate_fc must lie in \[0, 1\), not 1.0", {"rate_fc": 1.0}),
        (r"rate_out must lie in \[0, 1\), not -0.1", {"rate_out": -0.1}),
        ("rewind must be at least 0, not -1", {"rewind": -1}),
        ("rewind must be less than the 50,000 iterations, not 50,000", {"rewind": 50_000, "arms": ["ticket"]}),
        (
            "rewind is for the arms ticket, reinit, random: leave out oneshot, oneshot_reinit",
            {"rewind": 1, "arms": ["oneshot", "ticket", "oneshot_reinit"]},
        ),
        ("rewind is for the arms .*: leave out continued", {"rewind": 1, "arms": ["continued"]}),
        ("lr must be positive", {"lr": 0.0}),
        ("lr must be positive and finite, not nan", {"lr": float("nan")}),
        ("lr must be positive and finite, not inf", {"lr": float("inf")}),
    ],
)
def test_bad_input_gets_one_line(words, changes):
    with pytest.raises(SpecError, match=words) as error:
        specs.spec(**{"network": "lenet", **changes})
    assert "\n" not in str(error.value)


def test_only_tickets_that_were_pruned_are_rewound():
    spec = specs.spec("lenet", rewind=100, arms=["ticket"])
    spans = {rep: specs.span(spec, rep) for rep in (Rep(specs.OPENING, 3), Rep("ticket", 3), Rep("ticket", 3, 1))}
    assert list(spans.values()) == [(0, 100), (0, 50_000), (100, 50_000)]
    assert specs.span(spec, Rep("reinit", 3, 1)) == specs.span(spec, Rep("random", 3, 1)) == (0, 50_000)
    assert specs.span(specs.spec("lenet"), Rep("ticket", 3, 1)) == (0, 50_000)


def test_a_rewind_is_taken_as_it_is():
    short = specs.spec("resnet20", iterations=6_000, rewind=500)
    assert (short.rewind, short.warmup) == (500, 4_000)


def test_a_schedule_shrinks_with_its_training():
    short = specs.spec("resnet20", iterations=6_000)
    assert (short.warmup, short.drops) == (4_000, (4_000, 5_000))
    assert specs.key(short) != specs.key(specs.spec("resnet20", iterations=6_000, warmup=20_000))
    assert specs.spec("resnet20", iterations=6_000, drops=[100]).drops == (100,)
    assert (specs.spec("vgg19").warmup, specs.spec("vgg19").drops) == (10_000, (56_240, 84_360))


DROPOUT = {"conv2": (60_000, 3e-4), "conv4": (75_000, 2e-4), "conv6": (90_000, 2e-4)}


@pytest.mark.parametrize("network", DROPOUT)
def test_dropout_is_section_3_of_the_paper(network):
    spec, plain = specs.spec(network, setting="dropout"), specs.spec(network)
    assert (spec.dropout, spec.iterations, spec.lr) == (0.5, *DROPOUT[network])
    assert spec == dataclasses.replace(plain, dropout=0.5, iterations=spec.iterations, lr=spec.lr)
    assert specs.spec(network, "laptop", "dropout").iterations == 3 * specs.spec(network, "laptop").iterations


@pytest.mark.parametrize(
    ("network", "setting", "rates"),
    [
        ("resnet20", "lr0.1", (0.1, 0)),
        ("resnet20", "lr0.01", (0.01, 0)),
        ("resnet20", "warmup", (0.03, 20_000)),
        ("vgg19", "lr0.1", (0.1, 0)),
        ("vgg19", "lr0.01", (0.01, 0)),
        ("vgg19", "warmup", (0.1, 10_000)),
    ],
)
def test_the_three_learning_rates_are_section_4_of_the_paper(network, setting, rates):
    spec = specs.spec(network, setting=setting)
    assert (spec.lr, spec.warmup) == rates
    drops = {"resnet20": (20_000, 25_000), "vgg19": (56_240, 84_360)}[network]
    assert (spec.optimiser, spec.momentum, spec.weight_decay, spec.drops) == ("sgd", 0.9, 1e-4, drops)


def test_a_variation_is_in_the_papers_iterations_and_a_change_in_ours():
    short = {"profile": "laptop", "setting": "warmup"}
    assert specs.spec("resnet20", **short, variation={"warmup": 5_000}).warmup == 1_000
    assert specs.spec("resnet20", **short, warmup=5_000).warmup == 5_000
    assert specs.spec("conv2", "quick", variation={"lr": 4e-4}).lr == 4e-4  # whatever the profile has


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("unknown setting 'dropuot' of conv2; choose from dropout", {"network": "conv2", "setting": "dropuot"}),
        ("unknown setting 'dropout' of lenet; choose from none", {"network": "lenet", "setting": "dropout"}),
        ("unknown parameter 'warm'", {"network": "resnet20", "variation": {"warm": 5}}),
        ("sigma must be at least 0, not -0.1", {"network": "lenet", "sigma": -0.1}),
        (r"width must lie in \(0, 10\], not 0.0", {"network": "lenet", "width": 0.0}),
    ],
)
def test_a_setting_that_is_not_the_papers_is_one_line(words, asked):
    with pytest.raises(SpecError, match=words):
        specs.spec(**asked)
