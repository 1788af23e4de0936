"""The plan has each training that the paper had, once, and nothing that no arm asks for."""

import dataclasses

import pandas as pd

from lthlib import specs
from lthlib.lab.plan import plan


def test_the_plan_of_the_paper_has_the_papers_number_of_trainings():
    counts = pd.Series([rep.arm for rep in plan(specs.spec("lenet", "paper"))]).value_counts()
    assert counts["ticket"] == 5 * 29
    assert counts["reinit"] == 5 * 3 * 28
    assert counts["random"] == 10 * 28
    assert counts["oneshot"] == 5 * 39
    assert counts["oneshot_reinit"] == 5 * 3 * 39


def test_a_second_strategy_has_a_second_chain():
    every = plan(specs.spec("lenet", "paper", arms=["ticket", "continued"]))
    counts = pd.Series([rep.arm for rep in every]).value_counts()
    assert dict(counts) == {"ticket": 5 * 29, "continuing": 5 * 28, "continued": 5 * 28}


def test_plan_names_each_training_once(tiny):
    every = plan(tiny)
    assert len(set(every)) == len(every)


def test_one_shot_pruning_needs_no_more_tickets_than_the_dense_network(tiny):
    few = dataclasses.replace(tiny, arms=("oneshot", "oneshot_reinit"))
    assert {rep.round for rep in plan(few) if rep.arm == "ticket"} == {0}
