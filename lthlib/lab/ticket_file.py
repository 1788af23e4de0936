"""Tickets as files: one for other programs, with its initial weights, and all masks of a trial for `results/`.

The second is what `ticket_rounds` describes; files of the first kind can be made from it. The first is a safetensors
file. Its tensors are `mask.<parameter>`, bool, of the layers that may be pruned, and `theta0.<parameter>`, float32, of
all parameters and of batch-norm's statistics. θ₀ is stored whole; the ticket is m ⊙ θ₀. With late rewinding θ_k is
stored under the same names, and the metadata's `rewind` is k, where training starts; else it is 0. Without this
library, on a module `net` whose parameters have these names:

    from safetensors.torch import load_file

    tensors = load_file("ticket.safetensors")
    theta0 = {name[7:]: value for name, value in tensors.items() if name.startswith("theta0.")}
    mask = {name[5:]: value for name, value in tensors.items() if name.startswith("mask.")}
    net.load_state_dict({name: value * mask.get(name, 1) for name, value in theta0.items()})
    for name, m in mask.items():  # what is pruned gets no gradient, so it stays 0
        net.get_parameter(name).register_hook(lambda gradient, m=m: gradient * m)
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from lthlib import specs
from lthlib.engine import cohort
from lthlib.errors import LthError, SpecError, StoreError
from lthlib.lab import maintenance, provenance, task, ticket_rounds
from lthlib.lab.files import reason, replace_file
from lthlib.lab.store import Store
from lthlib.lab.ticket_rounds import Chain, Masks
from lthlib.specs import Rep, Spec

USAGE = (
    "theta0.<parameter> is where a parameter starts, mask.<parameter> is true where a weight is left: load their "
    "product into the network, and keep at 0 what is pruned while it trains; it starts at the iteration that rewind "
    "says, which matters where learning rates have a schedule"
)


class Ticket(NamedTuple):
    """One network: 0/1 float masks of its pruned layers, the weights it starts from, and the file's metadata. Its Spec
    is `specs.from_json(metadata["spec"])`; to train it, put both into a cohort with `cohort.stack([...])`."""

    mask: dict[str, Tensor]
    theta0: dict[str, Tensor]
    metadata: dict[str, str]


def save(
    path: str | Path,
    spec: Spec,
    rep: Rep,
    mask: dict[str, Tensor],
    theta0: dict[str, Tensor],
    force: bool = False,
) -> Path:
    """Write the ticket of one network, tensors of the parameters' own shapes, to a file, whole or not at all.

    Raises StoreError, in one line, if the file is there already (unless `force`) or cannot be written.
    """
    path, safetensors = Path(path).expanduser(), _safetensors()
    if path.exists() and not (force and path.is_file()):
        raise StoreError(f"{path} is there already: choose another file" + (", or --force" if path.is_file() else ""))
    if not path.parent.is_dir():
        raise StoreError(f"there is no folder {path.parent}: make it, or choose another file")
    tensors = {f"theta0.{name}": value.detach().cpu().float().contiguous() for name, value in theta0.items()}
    tensors |= {f"mask.{name}": m.detach().cpu().bool().contiguous() for name, m in mask.items()}
    content = safetensors.torch.save(tensors, describe(spec, rep, mask, theta0))
    try:
        replace_file(path, lambda part: part.write_bytes(content))
    except OSError as error:
        raise StoreError(f"cannot write {path} ({error.strerror or error}): choose another file") from None
    return path


def load(path: str | Path) -> Ticket:
    """The ticket that `save` wrote. Raises StoreError, in one line, for any other file."""
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(Path(path).expanduser(), "pt") as file:
            metadata, names = file.metadata() or {}, list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except Exception as error:  # whatever a missing, damaged or foreign file makes its reader raise
        raise StoreError(f"{path} cannot be read as a ticket ({reason(error)}): export it again") from None
    mask = {name[len("mask.") :]: m.float() for name, m in tensors.items() if name.startswith("mask.")}
    theta0 = {name[len("theta0.") :]: value for name, value in tensors.items() if name.startswith("theta0.")}
    shapes = {name: value.shape for name, value in theta0.items()}
    if not mask or "spec" not in metadata or any(shapes.get(name) != m.shape for name, m in mask.items()):
        raise StoreError(f"{path} holds no ticket, but something else: name a file that lth export wrote")
    return Ticket(mask, theta0, metadata)


def describe(spec: Spec, rep: Rep, mask: dict[str, Tensor], theta0: dict[str, Tensor]) -> dict[str, str]:
    """What a ticket's file says of it."""
    weights = {name: value.numel() for name, value in theta0.items() if value.dim() > 1}
    left = sum(int(mask[name].sum()) if name in mask else size for name, size in weights.items())
    return {
        "format": "pt",
        "usage": USAGE,
        "network": spec.network,
        **{name: str(value) for name, value in rep._asdict().items()},
        "rewind": str(specs.span(spec, rep)[0]),  # the iteration that it starts at, whose weights theta0 are
        "P_m": f"{100 * left / sum(weights.values()):.4f}",  # percent of the weights left
        "key": specs.key(spec),
        "spec": specs.as_json(spec),
        "versions": provenance.versions(),
        "commit": provenance.COMMIT,
    }


def _safetensors():
    """The package, which nothing else here needs."""
    try:
        import safetensors.torch
    except ImportError:
        raise LthError("a ticket's file needs safetensors, which is not installed: pip install safetensors") from None
    return safetensors


# --- from a store, and from results/ ----------------------------------------------------------------------------------


def offers(store: Store, spec: Spec, rep: Rep) -> bool:
    """Whether a ticket seems to be there for `kept`."""
    if store.there(spec, rep):
        return True
    chain = store.chain(spec, rep.trial)
    return chain is not None and 0 <= rep.round <= chain.rounds


def kept(store: Store, spec: Spec, rep: Rep) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The mask and the initial weights of one ticket, as `save` wants them: of a store that trained it or merged it, or
    of a folder that it was exported to.

    Raises SpecError, in one line, if it is not there, StoreError if initial weights come out otherwise here.
    """
    what = f"{rep} of {spec.network} {specs.key(spec)}"
    theta0 = None
    if store.has(spec, rep):
        mask = cohort.rows(task.masks_of(store, spec, [rep]))[0]
        if not store.weighted(spec, rep):
            theta0 = str(store.arrays(spec, rep, "theta0").get("theta0"))
    elif (chain := store.chain(spec, rep.trial)) and 0 <= rep.round <= chain.rounds:
        mask = {name: torch.from_numpy(m).float() for name, m in chain.mask(rep.round).items()}
        theta0 = chain.about["theta0"]
    elif store.there(spec, rep):
        raise StoreError(
            f"{what} is damaged in {store.path}, or of another version of the library: run the experiment again, which "
            "makes it anew"
        )
    else:
        raise SpecError(f"{what} is not in {store.path}: {_there(store, spec)}")
    if theta0 is not None:
        try:
            maintenance.check_start(spec, rep.trial, theta0)
        except ValueError as error:
            raise StoreError(f"{what} cannot be exported: {error}") from None
    return mask, cohort.rows(task.reset(store, spec, rep))[0]


def _there(store: Store, spec: Spec) -> str:
    """Which tickets there are, trial by trial."""
    trials = sorted({*store.rows(spec).query("arm == 'ticket'")["trial"]})
    rounds = {trial: len(masks) - 1 for trial in trials if (masks := store.tickets(spec, trial))}
    stored = ", ".join(f"of trial {trial} rounds 0 to {last}" for trial, last in rounds.items())
    return stored or "of that experiment there are only tables here"


def chains(spec: Spec, store: Store, target: str | Path) -> list[Chain]:
    """The masks of each trial's tickets that a store has and another folder (`results/`) has not, or not as many of,
    for `Store.save_chain` there. Dense networks alone are no tickets.

    A trial is left out, with a warning of one line, if it starts from weights that do not follow from its seed: from
    θ_k, or from those of another release of torch. Raises StoreError, before anything is written, if the folder's
    tickets of a trial cannot be read, or are others.
    """
    there, found = Store(target, strict=True), []
    rows = store.rows(spec)
    for trial in sorted({*rows.loc[(rows["arm"] == "ticket") & (rows["round"] > 0), "trial"]}):
        try:
            ours = _made(spec, store, rows, trial)
        except ValueError as error:
            line = f"tickets of trial {trial} of {spec.network} {specs.key(spec)} are left out: {reason(error)}"
            warnings.warn(line, stacklevel=2)
            continue
        if ours is None:
            continue
        theirs = there.chain(spec, trial)
        try:
            best = ticket_rounds.joined(theirs, ours) if theirs else ours
        except ValueError as error:
            raise StoreError(
                f"{there.path / ours.name} holds other tickets than {store.path} ({error}): export to another folder, "
                "or delete it and export again"
            ) from None
        if best is not theirs:
            found.append(best)
    return found


def _made(spec: Spec, store: Store, rows: pd.DataFrame, trial: int) -> Chain | None:
    """A trial's masks, as far as a store has them and rows of this version; None of none. ValueError, in one line, if
    where they start from is not sure to be drawn again."""
    own = rows[(rows["arm"] == "ticket") & (rows["trial"] == trial)]
    dense, last = Rep("ticket", trial), -1
    while store.there(spec, Rep("ticket", trial, last + 1)):
        last += 1
    if last < 0:
        return store.chain(spec, trial)
    if not last:
        return None
    if spec.rewind:
        raise ValueError(f"they start from the weights of iteration {spec.rewind:,}, which do not follow from the seed")
    first = own.iloc[0]
    trained, here = str(json.loads(first["versions"]).get("torch")), torch.__version__
    if not store.weighted(spec, dense):
        theta0 = str(store.arrays(spec, dense, "theta0").get("theta0"))
    elif trained.partition("+")[0] != here.partition("+")[0]:
        raise ValueError(f"torch {trained} drew their initial weights, and {here} may draw others: export with that")
    else:
        theta0 = maintenance.start_of(spec, trial)
    about = {"key": specs.key(spec), "network": spec.network, "spec": specs.as_json(spec), "trial": trial}
    about |= {name: first[name] for name in ("data_sha256", "versions", "commit")}
    about |= {"rounds": last, "theta0": theta0, "results_version": int(first["results_version"])}
    return maintenance.verified(Chain(about, ticket_rounds.stack(_masks(spec, store, trial, last))), rows)


def _masks(spec: Spec, store: Store, trial: int, last: int) -> Iterator[Masks]:
    """The masks of rounds 0 to `last`, and that of the next."""
    for n in range(last + 2):
        rep = Rep("ticket", trial, min(n, last))
        mask = task.masks_of(store, spec, [rep]) if n <= last else task.next_mask(store, spec, rep)
        yield {name: m[0].numpy() > 0 for name, m in mask.items()}
