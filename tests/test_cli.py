"""The command line does what it says, and says in one line what it cannot do."""

import json
import os
import subprocess
import sys

import pytest

from lthlib import cli, specs
from lthlib.cli import options
from lthlib.lab.plan import plan

SMALL = ["--rounds", "1", "--iterations", "20", "--trials", "1", "--workers", "1"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store filled by the command line."""
    folder = str(tmp_path_factory.mktemp("cli") / "store")
    assert cli.main(["run", "lenet", "--arms", "ticket,reinit", "--store", folder, *SMALL]) == 0
    return folder


def test_run_says_what_is_stored_and_running_again_trains_nothing(store, capsys):
    assert cli.main(["run", "lenet", "--arms", "ticket,reinit", "--store", store, *SMALL]) == 0
    key = specs.key(specs.spec("lenet", "quick", iterations=20))
    assert f"3 trainings of lenet {key} are stored" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["quick", "laptop", "paper"])
@pytest.mark.parametrize(
    ("network", "setting", "changes"),
    [
        ("lenet", None, {}),
        ("lenet", None, {"arms": ["oneshot"], "oneshot_step": 7, "data": "mnist5k", "seed": 3}),
        ("lenet", None, {"optimiser": "sgd", "lr": 0.1, "momentum": 0.9, "sigma": 0.1, "width": 0.5}),
        ("conv2", "dropout", {"iterations": 600, "trials": 2, "inputs": "channel", "precision": "fp32"}),
        ("conv6_256", None, {"arms": ["ticket", "reinit"], "reinits": 2, "branch_step": 3, "rewind": 100}),
        ("resnet20", "lr0.1", {"drops": [], "augment": False}),
        ("vgg19", "warmup", {"iterations": 5_000, "warmup": 7, "drops": [20, 30], "scope": "layer"}),
    ],
)
def test_the_command_that_a_page_prints_asks_for_that_experiment(profile, network, setting, changes):
    spec = specs.spec(network, profile, setting, **changes)
    program, *words = specs.command(spec).split()
    asked = options.spec(cli.parser().parse_args(words))
    assert program == "lth"
    assert specs.key(asked) == specs.key(spec)
    assert plan(asked) == plan(spec)


@pytest.mark.parametrize(
    "words",
    [
        ["lenet"],
        ["conv2", "--profile", "laptop", "--setting", "dropout", "--arms", "ticket"],
        ["vgg19", "--profile", "paper", "--set", "drops=20,30", "--set", "augment=false", "--iterations", "900"],
    ],
)
def test_what_show_prints_asks_for_the_same_experiment(words, capsys):
    """Each of its values given as an option, at another profile."""

    def shown(*words):
        assert cli.main(["show", *words]) == 0
        return capsys.readouterr().out

    found = json.loads(shown(*words, "--json"))
    lines = [line.split()[:2] for line in shown(*words).splitlines()[3:]]
    assert [name for name, _ in lines] == [line["field"] for line in found["fields"]]
    given = [(name, "" if (name, value) == ("drops", "none") else value) for name, value in lines]
    options = [f"--{name}={value}" if name in specs.OPTIONS else f"--set={name}={value}" for name, value in given]
    again = json.loads(shown(words[0], "--profile", "quick", *options, "--json"))
    assert again["key"] == found["key"]
    assert [line["value"] for line in again["fields"]] == [line["value"] for line in found["fields"]]
    assert {line["source"] for line in again["fields"]} == {"option"}


def test_every_field_of_a_spec_has_one_option():
    assert set(specs.OPTIONS) == {"arms", *options.SIZES, *options.NAMES}


def test_status_counts_what_is_stored_and_missing(store, capsys):
    assert cli.main(["status", "--store", store, "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["network"], line["data"], line["iterations"]) == ("lenet", "mnist5k", 20)
    assert (line["stored"], line["planned"], line["missing"]) == (3, 3, 0)
    assert line["by_arm"] == {"ticket": 2, "reinit": 1}
    assert cli.main(["status", "--store", store]) == 0
    assert line["key"] in capsys.readouterr().out


def test_any_field_of_an_experiment_can_be_set():
    words = [
        "run",
        "resnet20",
        "--profile",
        "paper",
        "--setting",
        "lr0.1",
        "--set",
        "lr=0.05",
        "--set",
        "drops=100,200",
    ]
    spec = options.spec(cli.parsed([*words, "--set", "scope=layer", "--set", "augment=false", "--arms", "ticket"]))
    asked = {"lr": 0.05, "drops": (100, 200), "scope": "layer", "augment": False, "arms": ("ticket",)}
    assert spec == specs.spec("resnet20", setting="lr0.1", **asked)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("say FIELD=VALUE, not 'lr'", "lr"),
        ("rate cannot be set: there is no such field", "rate=3"),
        ("network cannot be set", "network=vgg19"),
        ("trials cannot be set: it has an option of its own, --trials", "trials=5"),
    ],
)
def test_what_cannot_be_set_is_refused(capsys, words, said):
    with pytest.raises(SystemExit):
        cli.main(["run", "lenet", "--set", said])
    assert words in capsys.readouterr().err


def test_claims_as_json_have_an_id_a_verdict_and_n(store, capsys):
    assert cli.main(["claims", "--store", store, "--json"]) == 0
    claims = json.loads(capsys.readouterr().out)
    assert {"id", "verdict", "value", "n"} <= set(claims[0])
    assert {c["verdict"] for c in claims if c["network"] == "vgg19"} == {"not run"}
    assert cli.main(["claims", "--store", store]) == 0
    assert "L11" in capsys.readouterr().out


def test_export_packs_each_experiment_into_a_file_that_claims_can_read(store, tmp_path, capsys):
    results = tmp_path / "results"
    assert cli.main(["export", "--store", store, "--to", str(results)]) == 0
    suffixes = [".anatomy.csv.gz", ".parquet", ".tickets.t0.npz"]
    assert sorted("".join(f.suffixes) for f in results.iterdir()) == suffixes
    assert sorted(capsys.readouterr().out.split()) == sorted(map(str, results.iterdir()))
    assert cli.main(["claims", "--store", str(results), "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert cli.main(["claims", "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == exported, "weights say what their anatomy said"


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("unknown network 'lanet'", ["run", "lanet"]),
        ("unknown setting 'warm' of vgg19; choose from lr0.1", ["run", "vgg19", "--setting", "warm"]),
        ("lr must be a number, not 'fast'", ["cost", "lenet", "--set", "lr=fast"]),
        ("unknown profile 'big'", ["run", "lenet", "--profile", "big"]),
        ("the profile published trains nothing", ["run", "lenet", "--profile", "published"]),
        ("unknown arm 'luck'", ["run", "lenet", "--arms", "ticket,luck"]),
        ("trials must be at least 1", ["run", "lenet", "--trials", "0"]),
        ("unknown data 'svhn'", ["run", "lenet", "--data", "svhn"]),
        ("unknown setting 'dropout' of lenet; choose from none", ["show", "lenet", "--setting", "dropout"]),
        ("the profile published trains nothing", ["show", "lenet", "--profile", "published"]),
        ("the device 'cuda:77' is not available", ["run", "lenet", "--device", "cuda:77"]),
        ("workers must be at least 1", ["run", "lenet", "--workers", "0"]),
        ("there is no store at nowhere", ["status", "--store", "nowhere"]),
        ("there is no store at nowhere", ["claims", "--store", "nowhere"]),
        ("there is no store at nowhere", ["export", "--store", "nowhere"]),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("lth: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    "arguments", [["run", "lenet", "--trials", "three"], ["run", "lenet", "--speed", "9"], ["fly"], []]
)
def test_what_the_parser_refuses_ends_with_status_2(arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lthlib.lab.run.carry_out", interrupted)
    assert cli.main(["run", "lenet", "--store", str(tmp_path)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_reading_results_does_not_load_torch():
    code = "import sys; from lthlib.book import figures, tables; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_who_reads_no_further_hears_no_complaint():
    """As after `| head`: status 141, as of a process that SIGPIPE ended."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "lthlib.cli", "show", "vgg19"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
