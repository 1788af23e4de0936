"""Which experiments answer a question, the nearest to the paper's first, and in what they depart from it."""

import pandas as pd
import pytest
from rows import make_deep, make_rows

from lthlib import specs
from lthlib.errors import SpecError
from lthlib.evidence import claims, ledger, matching
from lthlib.evidence.curves import summarise


def line(rows, claim):
    """One claim's line of the ledger."""
    return ledger.ledger(rows, [c for c in claims.load() if c["id"] == claim]).iloc[0]


def test_the_largest_experiment_is_measured():
    sizes = [  # from the smallest to the largest
        dict(iterations=15_000, trials=3, rounds=9, data="mnist5k"),
        dict(iterations=15_000, trials=2, rounds=1),
        dict(iterations=6_000, trials=3, rounds=9),
        dict(iterations=15_000, trials=3, rounds=1),
        dict(iterations=15_000, trials=3, rounds=8),
    ]
    experiments = [make_rows(arms=("ticket",), key=f"{i:012d}", **size) for i, size in enumerate(sizes)]
    for i in range(1, len(sizes)):
        both = summarise(pd.concat([experiments[i], experiments[i - 1]]))
        assert set(matching.best(both, "lenet")["key"]) == {f"{i:012d}"}
    rows = pd.concat([experiments[-1], *experiments[:-1]])
    assert line(rows, "L1")["keys"] == ["000000000004"]


def test_each_network_has_its_own_largest_experiment():
    rows = [make_rows(trials=1, rounds=1, iterations=i, key=k) for i, k in ((5_000, "a"), (9_000, "b"))]
    rows += [make_rows(trials=1, rounds=1, iterations=i, key=k, network="conv2") for i, k in ((900, "c"), (500, "d"))]
    trainings = summarise(pd.concat(rows))
    assert [set(matching.best(trainings, n)["key"]) for n in ("lenet", "conv2", "conv4")] == [{"b"}, {"c"}, set()]


def test_another_recipe_is_another_experiment():
    other = make_rows(trials=3, rounds=9, key="b" * 12, lr=0.1)
    papers = make_rows(trials=2, rounds=9, iterations=15_000, key="a" * 12)
    assert set(matching.best(summarise(pd.concat([other, papers])), "lenet")["key"]) == {"a" * 12}
    found = line(other, "L1")
    assert (found["verdict"], found["why"]) == ("not run", "needs lenet")


def test_what_the_paper_leaves_open_gives_way_to_its_own_and_is_named_when_alone():
    other = make_rows(network="conv2", iterations=20_000, trials=2, key="b" * 12, inputs="unit")
    papers = make_rows(network="conv2", iterations=5_000, trials=2, rounds=3, key="a" * 12)
    assert set(matching.best(summarise(pd.concat([other, papers])), "conv2")["key"]) == {"a" * 12}
    assert line(other, "C1")["departures"] == ["with inputs unit, the paper raw"]


@pytest.mark.parametrize("profile", ["quick", "laptop", "paper"])
@pytest.mark.parametrize("network", specs.PAPER)
def test_an_experiment_is_of_one_setting_at_every_profile_and_length(network, profile):
    settings = [None, *specs.SETTINGS.get(network, {})]
    for name in settings:
        for length in (None, 77):
            spec = specs.spec(network, profile, name, iterations=length)
            training = pd.Series({"network": network, "spec": specs.as_json(spec)})
            found = [other for other in settings if matching.of(training, other)]
            assert found == ([None, "warmup"] if network in specs.DEEP and name in (None, "warmup") else [name])


def test_a_warmup_of_the_paper_is_as_much_shorter_as_the_training():
    spec = specs.spec("resnet20", "laptop", "warmup", {"warmup": 5_000})
    assert (spec.iterations, spec.warmup) == (6_000, 1_000)
    training = pd.Series({"network": "resnet20", "spec": specs.as_json(spec)})
    assert matching.of(training, "warmup", {"warmup": 5_000})
    assert not matching.of(training, "warmup")
    assert not matching.of(training, "warmup", {"warmup": 1_000})


def test_the_papers_recipe_as_it_is_stored_departs_in_nothing():
    for network, spec in specs.PAPER.items():
        stored = pd.Series({"spec": specs.as_json(spec), "data": spec.data, "iterations": spec.iterations})
        assert matching.departures(stored) == [], network


def test_each_departure_is_a_field_with_its_value_here_and_there():
    rows = make_rows(trials=1, rounds=1, iterations=15_000, data="mnist5k", lr=0.002, every=1000)
    assert matching.departures(summarise(rows).iloc[0]) == [
        ("data", "mnist5k", "mnist"),
        ("iterations", 15_000, 50_000),
        ("lr", 0.002, 0.0012),
    ]


def test_a_departure_is_from_the_nearest_setting_or_from_the_one_that_is_asked_for():
    training = summarise(make_deep("resnet20", "lr0.1", arms=("ticket",))).iloc[0]
    assert matching.nearest(training) == specs.spec("resnet20", setting="lr0.1")
    assert matching.departures(training) == []
    named = [d.field for d in matching.departures(training, specs.spec("resnet20", setting="warmup"))]
    assert named == ["lr", "warmup"]


def test_the_spec_of_a_training_is_read_from_its_row():
    spec = specs.spec("lenet", "quick", lr=0.002)
    rows = pd.concat([make_rows(trials=1, rounds=0, key="b" * 12), make_rows(trials=1, rounds=0, key="a" * 12, lr=0.1)])
    rows = pd.concat([rows, rows.head(1).assign(key=specs.key(spec), spec=specs.as_json(spec))])
    assert matching.spec_of(rows.iloc[-1]) == spec
    assert list(matching.specs_of(rows)) == ["b" * 12, "a" * 12, specs.key(spec)]
    assert [spec.lr for spec in matching.specs_of(rows).values()] == [0.0012, 0.1, 0.002]


@pytest.mark.parametrize("text", ["{}", '{"network": "lenet", "flavour": 3}', "none"])
def test_a_row_of_an_experiment_that_is_not_known_is_one_clear_line(text):
    with pytest.raises(SpecError, match="not an experiment that this version of the library knows"):
        matching.spec_of(pd.Series({"spec": text}))


def test_the_dense_networks_by_their_inputs_are_of_one_family_and_of_the_same_trials():
    raw, unit = (make_rows(trials=n, rounds=1, key=None, inputs=i, every=1000) for n, i in ((3, "raw"), (2, "unit")))
    lone = make_rows(trials=5, rounds=1, key=None, lr=0.1, every=1000)
    found = matching.differing_in("inputs", summarise(pd.concat([lone, raw, unit])))
    assert {name: (set(t["key"]), set(t["trial"])) for name, t in found.items()} == {
        "raw": (set(raw["key"]), {0, 1}),
        "unit": (set(unit["key"]), {0, 1}),
    }
    alone = matching.differing_in("inputs", summarise(lone))
    assert {name: len(t) for name, t in alone.items()} == {"unit": len(summarise(lone))}


def test_runs_of_another_scale_than_most_are_left_out_and_each_experiment_is_there_once():
    runs = {k: summarise(make_rows(trials=1, rounds=1, key=k * 12, every=1000)) for k in "abc"}
    runs["b"] = runs["b"].assign(iterations=77)
    found = matching.tickets_of_one_scale({**runs, "d": runs["a"]}, "lenet")
    assert list(found) == ["a", "c"]
    assert all((t["arm"] == "ticket").all() for t in found.values())
