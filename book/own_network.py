"""Finds winning tickets in a network and a data set that the library does not know: python own_network.py [FILE]"""

import sys

import pandas as pd
from sklearn.datasets import load_digits  # comes with mlxtend
from torch import nn

from lthlib.core import masks
from lthlib.engine import arms, cohort, data, machine, networks
from lthlib.engine.train import train
from lthlib.evidence import curves
from lthlib.lab import task, ticket_file
from lthlib.specs import Rep, Spec

machine.prepare()  # one thread, which small networks are fastest with


# --- the network ------------------------------------------------------------------------------------------------------
class Small(nn.Module):
    def __init__(self, width=1.0):
        super().__init__()
        filters, hidden = round(8 * width), round(64 * width)
        self.first = nn.Conv2d(1, filters, 3, padding=1)
        self.second = nn.Conv2d(filters, 2 * filters, 3, padding=1)
        self.hidden = nn.Linear(2 * filters * 4 * 4, hidden)
        self.out = nn.Linear(hidden, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.first(x).tanh(), 2)
        x = self.second(x).tanh()
        return self.out(self.hidden(x.flatten(1)).tanh())


networks.register("small", Small, shape=(1, 8, 8))

# --- the data ---------------------------------------------------------------------------------------------------------
digits = load_digits()  # 1,797 images of 8 x 8, pixels of 0 to 16
pixels = (digits.images * 15).astype("uint8").reshape(-1, 1, 8, 8)
small_digits = data.own("small digits", pixels, digits.target, n_train=1_400, n_valid=200)

# --- the experiment ---------------------------------------------------------------------------------------------------
spec = Spec(
    "small",
    data="small digits",
    rounds=6,
    rate_conv=0.3,  # pruned per round: of each convolution,
    rate_fc=0.4,  # of each fully-connected layer,
    rate_out=0.2,  # and of the output layer
    iterations=150,
    eval_every=10,
    batch=50,
    lr=0.015,
    train_eval=200,  # training examples on which train accuracy is measured
)
trials = [0, 1]
measured = []


def remember(start, mask, reps):
    """Train a cohort, note its curves, return where it ended."""
    theta_j, found = train(spec, start, mask, reps, small_digits)
    for row, (rep, left) in enumerate(zip(reps, masks.survivors(mask), strict=True)):
        measured.append(task.tidy(spec, rep, left, task.curve(found, row)))
    return theta_j


# --- tickets, and their control ---------------------------------------------------------------------------------------
for found in arms.tickets(spec, trials, remember):
    ticket = found  # the last round's, when the loop has ended
    if found.number in (3, 6):
        reps = [Rep("reinit", trial, found.number) for trial in trials]
        remember(*arms.branch(spec, found, reps), reps)

# --- what came out ----------------------------------------------------------------------------------------------------
trainings = curves.summarise(pd.concat(measured))
table = trainings.groupby(["round", "arm"])[["remaining", "es", "acc_es"]].mean().unstack("arm")
print(table.round(1).to_string(na_rep=""))

# --- a ticket as a file -----------------------------------------------------------------------------------------------
if sys.argv[1:]:
    mask, theta0 = cohort.rows(ticket.mask)[0], cohort.rows(arms.initial(spec, trials))[0]
    print(ticket_file.save(sys.argv[1], spec, Rep("ticket", 0, ticket.number), mask, theta0))
