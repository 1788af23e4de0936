"""The book is cited by what CITATION.cff says, and by no address that is not one."""

from pathlib import Path

from lthlib.book import addresses, citation

ROOT = Path(__file__).parents[2]


def test_the_book_and_the_paper_are_cited(monkeypatch):
    monkeypatch.setattr(addresses, "home", lambda root: "https://github.com/reader/lottery-ticket-book")
    assert (
        citation.bibtex(ROOT).text
        == """```bibtex
@misc{lottery-ticket-book,
  author = {{the lthlib authors}},
  title = {{The Lottery Ticket Hypothesis, re-executed}},
  url = {https://github.com/reader/lottery-ticket-book}
}

@inproceedings{frankle2019,
  author = {Frankle, Jonathan and Carbin, Michael},
  title = {{The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks}},
  booktitle = {International Conference on Learning Representations},
  year = {2019},
  url = {https://arxiv.org/abs/1803.03635}
}
```"""
    )


def test_a_placeholder_is_no_address(monkeypatch):
    monkeypatch.setattr(addresses, "home", lambda root: None)
    assert addresses.UNKNOWN not in citation.bibtex(ROOT).text
