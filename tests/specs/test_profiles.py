"""A profile scales the paper down; names that mean nothing are told in one line."""

import dataclasses

import pytest

from lthlib import specs
from lthlib.errors import SpecError
from lthlib.specs import profiles


@pytest.mark.parametrize(
    ("network", "profile", "key"),
    [("lenet", "paper", "9107bebfcbef"), ("lenet", "laptop", "aea0d6bd259e"), ("lenet", "quick", "ed9ffad140ea")],
)
def test_keys_never_change_so_that_stored_results_are_found_again(network, profile, key):
    assert specs.key(specs.spec(network, profile)) == key


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


def test_a_rewind_is_taken_as_it_is():
    short = specs.spec("resnet20", iterations=6_000, rewind=500)
    assert (short.rewind, short.warmup) == (500, 4_000)


def test_a_schedule_shrinks_with_its_training():
    short = specs.spec("resnet20", iterations=6_000)
    assert (short.warmup, short.drops) == (4_000, (4_000, 5_000))
    assert specs.key(short) != specs.key(specs.spec("resnet20", iterations=6_000, warmup=20_000))
    assert specs.spec("resnet20", iterations=6_000, drops=[100]).drops == (100,)
    assert (specs.spec("vgg19").warmup, specs.spec("vgg19").drops) == (10_000, (56_240, 84_360))


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


def test_of_each_field_the_last_layer_counts():
    layers = profiles.layers("resnet20", "laptop", "lr0.1", lr=0.2)
    sources = ["paper", "ours", "setting lr0.1", "variation", "profile laptop", "schedule x 0.2", "option"]
    assert [layer.source for layer in layers] == sources
    assert [layer.values["lr"] for layer in layers if "lr" in layer.values] == [0.03, 0.1, 0.2]
    assert profiles.made("resnet20", layers) == specs.spec("resnet20", "laptop", "lr0.1", lr=0.2)


@pytest.mark.parametrize("network", specs.PAPER)
@pytest.mark.parametrize("profile", ["paper", "published"])
def test_these_profiles_change_nothing_of_the_papers(profile, network):
    assert specs.spec(network, profile) == specs.PAPER[network]


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_a_profile_names_networks_and_fields_that_there_are(profile):
    assert set(specs.PROFILES[profile]) <= {"conv", *specs.PAPER}
    named = {name for values in specs.PROFILES[profile].values() for name in values}
    assert named <= {f.name for f in dataclasses.fields(specs.Spec)} - {"network", "warmup", "drops"}


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.1"), (True, "true"), ((100, 200), "100,200"), ((), "")])
def test_a_value_as_an_option(value, text):
    assert specs.as_option(value) == text
