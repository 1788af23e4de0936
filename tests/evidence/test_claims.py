"""The claims as data: complete, with a reason for every number of ours, and refused in one line where they are not."""

from pathlib import Path

import pytest

from lthlib.evidence import claims

IDS = [f"L{i}" for i in range(1, 12)] + [f"C{i}" for i in range(1, 6)] + ["D1", "D2"]
IDS += [f"{letter}{i}" for letter, n in (("V", 6), ("R", 5)) for i in range(1, n + 1)] + ["A1", "B1", "S1"]
IDS += [f"{letter}{i}" for letter, n in (("G", 6), ("H", 3), ("W", 2), ("F", 7)) for i in range(1, n + 1)]


def test_every_claim_of_the_paper_is_there_once():
    assert sorted(c["id"] for c in claims.load()) == sorted(IDS)


def test_every_number_of_ours_has_its_reason():
    for claim in claims.load():
        for part in claim["parts"]:
            for rule in ("spread", "margin", "share", "needs"):
                assert len(part.get(rule, {"because": "a long reason"})["because"]) > 10, claim["id"]


GOOD = """
- id: X1
  page: claims
  section: "2"
  network: lenet
  statement: Something.
  kind: effect
  side: above
  text: 1
  figure: null
  unit: pp
  spread: {within: 1, because: a reason}
  measure: {gain: {at: 13.5}}
"""
EQUAL = GOOD.replace("kind: effect\n  side: above", "kind: equal").replace("spread", "margin")
ALL = GOOD.replace("kind: effect", "kind: all").replace("{gain: {at: 13.5}}", "{gains: {between: [50, 10]}}")
ALL = ALL.replace("spread: {within: 1", "share: {least: 0.9")
BAD = {
    "no 'page'": GOOD.replace("  page: claims\n", ""),
    "no 'unit'": GOOD.replace("  unit: pp\n", ""),
    "no 'id'": GOOD.replace("- id: X1\n  page", "- page"),
    "no 'measure'": GOOD.replace("  measure: {gain: {at: 13.5}}\n", ""),
    "unknown field 'sied'": GOOD + "  sied: above\n",
    "unknown measure 'gian'": GOOD.replace("gain", "gian"),
    "missing a required argument: 'at'": GOOD.replace("at: 13.5", ""),
    "unexpected keyword argument 'of'": GOOD.replace("at: 13.5", "at: 13.5, of: 3"),
    "gives one number per level": GOOD.replace("{gain: {at: 13.5}}", "{gains: {between: [50, 10]}}"),
    "gives one number, which": ALL.replace("{gains: {between: [50, 10]}}", "{gain: {at: 13.5}}"),
    "unknown kind 'about'": GOOD.replace("kind: effect", "kind: about"),
    "needs a side: above or below": GOOD.replace("  side: above\n", ""),
    "'all' needs a side": ALL.replace("  side: above\n", ""),
    "side must be one of above, below": GOOD.replace("side: above", "side: up"),
    "size one of about, at least, at most": GOOD + "  size: large\n",
    "a spread needs a reason": GOOD.replace(", because: a reason", ""),
    "a margin needs a reason": EQUAL.replace("because: a reason", "because: ''"),
    "a share needs a reason": ALL.replace(", because: a reason", ""),
    "needs a spread: within or factor": GOOD.replace("within", "roughly"),
    "'equal' needs a margin": EQUAL.replace("margin", "spread"),
    "'all' needs a share: least": ALL.replace("least", "most"),
    "needs a number as 'text'": EQUAL.replace("text: 1", "text: null"),
    "needs must say which part": GOOD + "  needs: {part: most, because: a reason}\n",
    "unknown setting": GOOD + "  setting: cold\n",
    "takes one setting, and against": GOOD.replace("{gain: {at: 13.5}}", "{dense_gain: {quantity: acc_es}}"),
    "given twice": GOOD + GOOD,
    "must be a list": "X1: 3",
    "cannot be read": GOOD + "\n  }",
    "name at least one part": GOOD + "  parts: []\n",
}


@pytest.mark.parametrize("good", [GOOD, EQUAL, ALL])
def test_a_good_entry_loads(tmp_path, good):
    (tmp_path / "claims.yml").write_text(good)
    assert [c["id"] for c in claims.load(tmp_path / "claims.yml")] == ["X1"]


def test_a_side_alone_needs_no_spread(tmp_path):
    (tmp_path / "claims.yml").write_text(GOOD.replace("text: 1", "text: null").replace("  spread", "  # spread"))
    assert claims.load(tmp_path / "claims.yml")[0]["parts"][0]["text"] is None


@pytest.mark.parametrize("complaint", BAD)
def test_a_malformed_entry_gives_one_clear_line(tmp_path, complaint):
    (tmp_path / "claims.yml").write_text(BAD[complaint])
    with pytest.raises(ValueError, match=r"^claims.yml: ") as error:
        claims.load(tmp_path / "claims.yml")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_gives_one_clear_line(tmp_path):
    with pytest.raises(ValueError, match=r"^claims.yml: cannot be read"):
        claims.load(tmp_path / "claims.yml")


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    assert claims.path() == Path(claims.__file__).parents[2] / "book" / "claims.yml"
    monkeypatch.setattr(claims, "__file__", str(tmp_path / "lthlib" / "claims.py"))
    assert claims.path() == tmp_path / "lthlib" / "claims.yml"
