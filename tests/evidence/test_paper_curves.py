"""The paper's own curves are there, by our names and by its own, and the rows that other tests make up follow them."""

import numpy as np
import pytest
from rows import ARMS, LAYERS, make_rows, survivors

from lthlib import specs
from lthlib.evidence import paper_curves
from lthlib.evidence.curves import spread, summarise
from lthlib.evidence.paper_curves import paper


def test_the_papers_dense_and_pruned_lenet():
    stops = paper("fig4a", "lenet", "ticket", "es").set_index("round")["value"]
    assert (stops[0], stops[7]) == (4401, 3541)
    accuracy = paper("fig4a", "lenet", "ticket", "acc_es").set_index("round")["value"]
    assert (accuracy[0], accuracy[8]) == (97.93, 98.41)


def test_points_that_the_paper_cuts_off_are_absent():
    stops = paper("fig4a", "lenet", "reinit", "es")
    assert stops["value"].notna().all()
    assert stops["round"].max() < paper("fig4a", "lenet", "reinit", "acc_es")["round"].max()


def test_a_curve_that_the_paper_has_not_is_empty():
    assert paper("fig3", "lenet", "ticket", "acc").empty
    assert paper("fig8", "resnet20", "ticket", "acc_30k").empty  # there are three of them, told apart by `variant`
    assert len(paper("fig8", "resnet20", "ticket", "acc_30k", variant="lr0.1")) == 16


@pytest.mark.parametrize(
    ("arm", "figure", "theirs"), [("ticket", "fig4a", "ticket"), ("oneshot", "fig4c", "oneshot_ticket")]
)
def test_a_curve_beside_one_of_our_arms_is_a_mean_without_a_range(arm, figure, theirs):
    ours, own = paper_curves.beside("lenet", arm, figure, "es"), paper(figure, "lenet", theirs, "es")
    assert len(own) > 15
    for column in ("mean", "low", "high"):
        np.testing.assert_array_equal(ours[column], own["value"])
    np.testing.assert_array_equal(ours["remaining"], own["percent_remaining"])


@pytest.mark.parametrize("network", specs.DEEP)
def test_each_setting_of_a_deep_network_has_its_curves_and_no_other_has(network):
    figure, quantity = {"vgg19": ("fig7", "acc_112k"), "resnet20": ("fig8", "acc_30k")}[network]
    for setting in specs.SETTINGS[network]:
        name = paper_curves.variant(specs.spec(network, setting=setting))
        assert len(paper(figure, network, "ticket", quantity, name)) > 10
    for other in ({"lr": 0.05}, {"scope": "layer"}):
        name = paper_curves.variant(specs.spec(network, **other))
        assert paper(figure, network, "ticket", quantity, name).empty


@pytest.mark.parametrize("network", LAYERS)
def test_made_up_rows_have_the_papers_sizes(network):
    dense = sum(size for size, _ in LAYERS[network].values())
    for point in paper("fig4a" if network == "lenet" else "fig5", network, "ticket", "acc_es").itertuples():
        left = sum(survivors(network, "ticket", point.round).values())
        assert 100 * left / dense == pytest.approx(point.percent_remaining, abs=0.006)


def test_made_up_rows_have_the_papers_means():
    trainings = summarise(make_rows(rounds=20, arms=ARMS, draws=2, seed=3))
    for arm, figure, name in (
        ("ticket", "fig4a", "ticket"),
        ("reinit", "fig4a", "reinit"),
        ("random", "fig1", "random"),
    ):
        for quantity, theirs in (("es", "es"), ("acc_es", "acc" if arm == "random" else "acc_es")):
            ours = spread(trainings[trainings["arm"] == arm], quantity).set_index("round")["mean"]
            curve = paper(figure, "lenet", name, theirs).set_index("round")["value"]
            both = ours.index.intersection(curve.index[curve < 40_000])
            assert len(both) > 15
            assert ours[both].to_numpy() == pytest.approx(
                curve[both].to_numpy(), rel=0.01 if quantity == "es" else 1e-6
            )
