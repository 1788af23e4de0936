"""The command line: `lth run · cost · show · status · merge · gc · claims · export · bench`."""

import argparse
import json
import os
import sys
import warnings
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from lthlib import specs
from lthlib.cli import options as options_of
from lthlib.errors import LthError, SpecError
from lthlib.lab.store import Store, published
from lthlib.lab.where import Where

STORE = "store"


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Exit status 0, 2 for what the user can mend (said in one line), 130 for Ctrl-C, 141 where nobody
    reads on."""
    warnings.showwarning = lambda message, *_: print(f"lth: {message}", file=sys.stderr)
    try:
        try:
            return _outcome(parsed(arguments))
        finally:
            print(end="", flush=True)  # now, as at the end of the process it could only complain
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 128 + 13  # as of a process that SIGPIPE ended


def _outcome(options: argparse.Namespace) -> int:
    try:
        options.command(options)
    except LthError as error:
        print(f"lth: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lth: stopped; what is stored stays, and the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options as given; words of `export` may stand before and after its options, which argparse cannot know."""
    top = parser()
    options, more = top.parse_known_args(arguments)
    if more and (options.command is not _export or any(word.startswith("-") for word in more)):
        top.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        options.names += more
    return options


def parser() -> argparse.ArgumentParser:
    """The options of all commands."""
    top = argparse.ArgumentParser(prog="lth", description="Run, resume and read lottery ticket experiments.")
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(
        title="commands", required=True, metavar="run | cost | show | status | merge | gc | claims | export | bench"
    )
    run = commands.add_parser("run", help="train what an experiment still misses", description=_run.__doc__)
    run.add_argument(
        "--data-root", metavar="DIR", help="where data sets are kept (default: $LTH_DATA or ~/.cache/lthlib)"
    )
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that is to train, such as tcp://HOST:8786"
    )
    run.set_defaults(command=_run)
    cost = commands.add_parser("cost", help="how long that would take here", description=_cost.__doc__)
    cost.set_defaults(command=_cost)
    show = commands.add_parser("show", help="each value of that, beside the paper's", description=_show.__doc__)
    show.set_defaults(command=_show)
    for command in (run, cost, show):
        options_of.experiment(command)
    for command in (run, cost):
        command.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
        command.add_argument("--workers", type=int, metavar="N", help="processes on a CPU (default: one per core)")
    status = commands.add_parser("status", help="what is stored and what is missing", description=_status.__doc__)
    status.set_defaults(command=_status)
    merge = commands.add_parser("merge", help="bring in what another machine has run", description=_merge.__doc__)
    merge.add_argument("other", metavar="OTHER_STORE", help="a folder of results, or of packed files")
    merge.set_defaults(command=_merge)
    gc = commands.add_parser("gc", help="remove what nothing refers to", description=_gc.__doc__)
    gc.add_argument("--yes", action="store_true", help="without asking")
    gc.set_defaults(command=_gc)
    claims = commands.add_parser("claims", help="the paper's claims, measured", description=_claims.__doc__)
    claims.set_defaults(command=_claims)
    export = commands.add_parser(
        "export",
        help="pack results into one file each, or write a ticket to a file",
        description=_export.__doc__,
        usage="lth export [KEY ...] [--to DIR] [--store DIR]\n       "
        "lth export NETWORK|KEY --trial T --round N FILE [--profile P] [--force] [--store DIR]",
    )
    export.add_argument("names", nargs="*", metavar="KEY", help="only these experiments, or those of a network")
    export.add_argument("--to", metavar="DIR", help="where packed files go (default: results)")
    export.add_argument("--trial", type=int, metavar="T", help="of the ticket")
    export.add_argument("--round", type=int, metavar="N", help="how often the ticket was pruned")
    export.add_argument("--profile", metavar="P", help="of the network, if several experiments of it are stored")
    export.add_argument("--force", action="store_true", help="replace FILE if it is there already")
    export.set_defaults(command=_export)
    bench = commands.add_parser("bench", help="how fast training is here", description=_bench.__doc__)
    bench.add_argument("networks", nargs="*", metavar="NETWORK", help="only these (default: all that are benched)")
    bench.add_argument("--device", default="auto", help="cpu, cuda or auto (default: auto)")
    bench.add_argument("--store", metavar="DIR", help="also weigh the tickets of Lenet in this folder of results")
    bench.add_argument("--against", metavar="DIR", help="compare with the release in the clone DIR instead")
    bench.set_defaults(command=_bench)
    for command in (run, cost, status, merge, gc, export):
        command.add_argument("--store", default=STORE, metavar="DIR", help=f"folder of results (default: {STORE})")
    claims.add_argument("--store", metavar="DIR", help="folder of results (default: the committed ones)")
    export.set_defaults(store=None)
    for command in (cost, show, status, claims, bench):
        command.add_argument("--json", action="store_true", help="as JSON")
    return top


def _run(options: argparse.Namespace) -> None:
    """Train what an experiment still misses, and store each training as it ends. May be stopped and started again."""
    from lthlib.lab import cost, run
    from lthlib.lab.plan import plan

    spec = options_of.spec(options)
    where = Where(options.store, options.data_root, options.device, options.workers, options.scheduler)
    where, todo = run.ready(spec, where)
    if todo and not where.scheduler:
        print(cost.predict(spec, where, todo), file=sys.stderr)
    run.carry_out(spec, where, todo)
    print(f"{len(plan(spec))} trainings of {spec.network} {specs.key(spec)} are stored in {options.store}")


def _cost(options: argparse.Namespace) -> None:
    """Calibrate for a few seconds, then say what `lth run` with the same options would take: time, memory, disk."""
    from lthlib.lab import cost

    where = Where(options.store, device=options.device, workers=options.workers)
    found = cost.predict(options_of.spec(options), where)
    print(json.dumps(asdict(found), indent=2) if options.json else found)


def _show(options: argparse.Namespace) -> None:
    """Each value that `lth run` with the same options would train with, the paper's beside it, and where it comes from:
    the paper, one of its settings, the profile, the schedule that follows the iterations, an option, or `ours` where
    the paper says nothing."""
    asked = options_of.asked(options)
    spec, lines = specs.spec(**asked), specs.origins(**asked)
    if options.json:
        fields = [line._asdict() for line in lines]
        print(json.dumps({"network": spec.network, "key": specs.key(spec), "fields": fields}, indent=2))
    else:
        print(specs.as_text(spec, lines))


def _bench(options: argparse.Namespace) -> None:
    """Time our engine, a conventional loop of the same work and the bare products in it, turn about; or this release
    and another. Minutes."""
    from lthlib.bench import bench, releases
    from lthlib.lab.workers import choose_device

    known = dict.fromkeys(network for network, _ in bench.CASES)
    for name in options.networks:
        if name not in known:
            raise SpecError(f"unknown network '{name}'; benched are {', '.join(known)}")
    cases = [case for case in bench.CASES if case[0] in (options.networks or known)]
    if options.against:
        say = (lambda line: None) if options.json else partial(print, flush=True)
        say(releases.HEAD)
        length = {network: bench.LENGTH.get(network, bench.SHORT) for network in known}
        beside = releases.compare(options.against, cases, length, choose_device(options.device), tell=say)
        return print(json.dumps(beside, indent=1)) if options.json else None
    if options.json:
        print(json.dumps(bench.bench(cases, options.device, store=options.store), indent=1))
        return
    print(bench.HEAD)
    found = bench.bench(cases, options.device, store=options.store, tell=lambda line: print(line, flush=True))
    print("\n" + bench.as_text(found))


def _status(options: argparse.Namespace) -> None:
    """Per experiment: what is stored and what it cost, what the last `run` asked for and is missing, what processes are
    training now, what another version of the library made (and a run makes again), and how long the rest will take."""
    store = _existing(options.store)
    rows = store.rows()
    stored = store.experiments(rows)
    begun = [spec for spec in store.asked() if specs.key(spec) not in map(specs.key, stored)]
    lines = [_state(store, spec, rows) for spec in [*stored, *begun]]
    if options.json:
        print(json.dumps(lines, indent=2))
    elif not lines:
        print(f"the store {options.store} is empty: lth run lenet")
    else:
        from lthlib.lab.cost import duration

        dull = ["devices"] if any(line["rewind"] for line in lines) else ["devices", "rewind"]
        table = pd.DataFrame(lines).drop(columns=dull)
        table["by_arm"] = table["by_arm"].map(lambda counts: ", ".join(f"{n} {arm}" for arm, n in counts.items()))
        table["running"] = table["running"].map(len)
        rest = [line["rest_seconds"] for line in lines]
        table["rest_seconds"] = ["unknown" if seconds is None else duration(seconds) for seconds in rest]
        print(table.rename(columns={"rest_seconds": "rest"}).to_string(index=False))


def _state(store: Store, spec: specs.Spec, rows: pd.DataFrame) -> dict:
    """What there is to say about one experiment."""
    from lthlib.lab import cost
    from lthlib.lab.plan import plan

    rep = list(specs.Rep._fields)
    trainings = rows[rows["key"] == specs.key(spec)].drop_duplicates(rep)
    now = trainings[trainings["results_version"] == specs.RESULTS_VERSION]
    missing = sorted(set(plan(spec)) - {specs.Rep(*one) for one in now[rep].itertuples(index=False)})
    running = store.running(spec)
    each = now["seconds"].mean()  # of one training, alone in its process or a share of a cohort's
    if missing and now.empty:
        rest = None
    else:
        rest = round(cost.makespan(spec, missing, max(1, len(running)), 1) * each, 1) if missing else 0.0
    return {
        "network": spec.network,
        "key": specs.key(spec),
        "data": spec.data,
        "iterations": spec.iterations,
        "rewind": spec.rewind,
        "stored": len(now),
        "planned": len(plan(spec)),
        "missing": len(missing),
        "running": [f"{unit}: {who}, since {who.since}" for unit, who in running.items()],
        "stale": len(trainings) - len(now),
        "by_arm": now["arm"].value_counts().to_dict(),
        "hours": round(now["seconds"].sum() / 3600, 3),
        "rest_seconds": rest,
        "devices": sorted(now["device"].unique()),
    }


def _merge(options: argparse.Namespace) -> None:
    """Bring in the trainings of another store that are missing here, or of a folder of packed files, such as results/:
    of its tickets the masks, from which branches and further rounds can be trained. What is here is never overwritten:
    of a training that is in both with other numbers, ours stays. May be stopped and started again."""
    from lthlib.lab import maintenance

    print(maintenance.merge(Store(options.store), _existing(options.other)))


def _gc(options: argparse.Namespace) -> None:
    """List what nothing refers to any more (what killed processes left half written, damaged files that were set aside,
    weights without rows) and, if that is confirmed, remove it. Rows are never removed."""
    from lthlib.lab import maintenance

    files = maintenance.orphans(_existing(options.store))
    for file in files:
        print(file)
    if not files:
        print(f"there is nothing to remove in {options.store}")
    elif options.yes or _confirmed(f"remove these {len(files)} files? [y/N] "):
        maintenance.remove(files)
        print(f"{len(files)} files removed")


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise SpecError("lth gc asks before it removes anything, and there is no terminal to ask on: add --yes")
    return input(question).strip().lower() in ("y", "yes")


def _claims(options: argparse.Namespace) -> None:
    """The paper's claims, each with what its text and its figures say, what our results say, and a verdict."""
    from lthlib.evidence import ledger

    store = _existing(options.store) if options.store else published()
    rows, inside = store.rows(), store.anatomy()
    if options.store:
        from lthlib.lab import anatomy

        inside = anatomy.every(store, rows)
    found = ledger.ledger(rows, anatomy=inside)
    if options.json:
        print(json.dumps(ledger.as_json(found), indent=2, ensure_ascii=False))
    else:
        print(ledger.as_text(found))


def _export(options: argparse.Namespace) -> None:
    """Pack all rows of each experiment into one Parquet file, as the book reads them, and all masks of each trial's
    tickets into one beside it; other trainings and tickets there stay. With --trial and --round: write one ticket, its
    mask and the weights it starts from, to a safetensors FILE; --store may be such a folder of packed files."""
    wanted = (options.trial, options.round)
    store = _shelf(options, wanted != (None, None))
    if wanted == (None, None) and not (options.profile or options.force):
        for spec in _experiments(store, options.names):
            _pack(spec, store, options.to or "results")
        return
    if None in wanted or len(options.names) != 2 or options.to:
        raise SpecError("a ticket is written with lth export NETWORK --trial T --round N FILE")
    from lthlib.lab import ticket_file

    (name, file), rep = options.names, specs.Rep("ticket", *wanted)
    spec = _the_experiment(store, name, options.profile, rep)
    print(ticket_file.save(file, spec, rep, *ticket_file.kept(store, spec, rep), options.force))


def _pack(spec: specs.Spec, store: Store, target: str) -> None:
    """Put rows, anatomy and tickets of an experiment into a folder, and say which files."""
    from lthlib.lab import anatomy, ticket_file

    chains = ticket_file.chains(spec, store, target)  # first, as it refuses tickets that are others than those there
    print(store.pack(spec, target))
    if inside := anatomy.pack(spec, store, target):
        print(inside)
    for chain in chains:
        if file := Store(target).save_chain(chain):
            print(file)


def _shelf(options: argparse.Namespace, for_a_ticket: bool) -> Store:
    """The store to export from: if none was said, the usual one, or for a ticket of what that knows nothing of, the
    committed results."""
    usual, committed = Store(STORE), published()
    if options.store or not (for_a_ticket and options.names and committed.path.is_dir()):
        return _existing(options.store or STORE)
    known = usual.experiments(usual.rows())
    return usual if any(options.names[0] in (spec.network, specs.key(spec)) for spec in known) else committed


def _experiments(store: Store, names: list[str]) -> list[specs.Spec]:
    """Those of a store that are meant by networks or keys, or all; SpecError for a name that means none."""
    found = store.experiments(store.rows())
    for name in names:
        if not any(name in (spec.network, specs.key(spec)) for spec in found):
            raise SpecError(f"the store {store.path} has no experiment '{name}', but {_listed(found)}")
    return [spec for spec in found if not names or {spec.network, specs.key(spec)} & set(names)]


def _the_experiment(store: Store, name: str, profile: str | None, rep: specs.Rep) -> specs.Spec:
    """The one that a network, perhaps at a profile, or a key means, if need be the one that has a ticket; SpecError if
    several or none are meant."""
    from lthlib.lab import ticket_file

    found = _experiments(store, [name])
    if profile:
        chosen = [spec for spec in found if specs.key(spec) == specs.key(specs.spec(spec.network, profile))]
        if not chosen:
            raise SpecError(f"the store {store.path} has no {name} at profile {profile}, but {_listed(found)}")
        return chosen[0]
    having = [spec for spec in found if ticket_file.offers(store, spec, rep)] if len(found) > 1 else []
    found = having or found
    if len(found) > 1:
        raise SpecError(f"the store {store.path} has several experiments of {name}, say one's key: {_listed(found)}")
    return found[0]


def _listed(found: list[specs.Spec]) -> str:
    each = (
        f"{specs.key(s)} ({s.network}, {s.data}, {s.iterations:,} iterations, {_reset(s)}lr {s.lr:g})" for s in found
    )
    return ", ".join(each) or "none at all"


def _reset(spec: specs.Spec) -> str:
    return f"rewound to {spec.rewind:,}, " if spec.rewind else ""


def _existing(path: str) -> Store:
    if not Path(path).is_dir():
        raise SpecError(f"there is no store at {path}: name one with --store, or make one with lth run")
    return Store(path)


def _version() -> str:
    try:
        return f"lth {version('lthlib')}"
    except PackageNotFoundError:
        return "lth (not installed)"
