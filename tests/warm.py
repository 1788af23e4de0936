"""What submissions import and load, imported and loaded once: for marking.py."""

import IPython.core.interactiveshell
import matplotlib.pyplot
import nbformat
import nbgrader.utils
import pandas
import torch

import lthlib.book.figures
import lthlib.lab.run
from lthlib.engine import data

torch.set_num_threads(1)
data.load("mnist5k")

w = torch.zeros(1, requires_grad=True)
w.grad = torch.ones(1)  # without a backward pass, whose threads a fork would not take along
torch.optim.Adam([w], lr=0.1, fused=True).step()  # the first step of an optimiser imports much
__all__ = ["IPython", "lthlib", "matplotlib", "nbformat", "nbgrader", "pandas"]
