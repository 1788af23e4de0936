"""What submissions import and load, imported and loaded once: for marking.py."""

import IPython.core.interactiveshell
import matplotlib.pyplot
import nbformat
import nbgrader.utils
import pandas
import torch

import lthlib.figures
import lthlib.study
from lthlib import data

torch.set_num_threads(1)
data.load("mnist5k")
__all__ = ["IPython", "lthlib", "matplotlib", "nbformat", "nbgrader", "pandas"]
