"""Tickets as files that other programs can read: mask, initial weights and what they are, in one safetensors file.

Tensors are `mask.<parameter>`, bool, of the layers that may be pruned, and `theta0.<parameter>`, float32, of all
parameters and of batch-norm's statistics. θ₀ is stored whole; the ticket is m ⊙ θ₀. With late rewinding θ_k is stored
under the same names, and the metadata's `rewind` is k, where training starts; else it is 0. Without this library, on a
module `net` whose parameters have these names:

    from safetensors.torch import load_file

    tensors = load_file("ticket.safetensors")
    theta0 = {name[7:]: value for name, value in tensors.items() if name.startswith("theta0.")}
    mask = {name[5:]: value for name, value in tensors.items() if name.startswith("mask.")}
    net.load_state_dict({name: value * mask.get(name, 1) for name, value in theta0.items()})
    for name, m in mask.items():  # what is pruned gets no gradient, so it stays 0
        net.get_parameter(name).register_hook(lambda gradient, m=m: gradient * m)
"""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from lthlib import provenance, specs
from lthlib.errors import LthError, StoreError
from lthlib.specs import Rep, Spec
from lthlib.store import replace_file

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
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:100]
        raise StoreError(f"{path} cannot be read as a ticket ({reason}): export it again") from None
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
