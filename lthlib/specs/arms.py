"""The arms of an experiment, one record each: what is trained, from which start, under which mask, and when."""

from dataclasses import dataclass

CONTINUING = "continuing"  # not asked for by name: the trainings between the prunings of `continued`
OPENING = "opening"  # not asked for by name: the dense network's first iterations, to whose end `rewind` resets
TRUNKS = (OPENING, "ticket", CONTINUING)  # sequential, each training on the one before: the rest branches off


@dataclass(frozen=True)
class Arm:
    """One kind of training. All except `ticket`, the trunk itself, branch off a training of a trunk.

    `start` and `mask` name how they are made (`STARTS` and `MASKS` of `engine.arms`). A branch hangs on the round of
    its own number of the trunk `of`, after every `branch_step` prunings; one that is pruned in `one_shot` hangs on the
    dense network, at the levels that `oneshot_step` leaves. `draws` is the field of a Spec that says how many there
    are, if not one; `sigmas` how much noise its start has.
    """

    says: str  # in a sentence, with the place in the paper
    start: str = "theta0"
    mask: str = "ticket"
    of: str = "ticket"
    one_shot: bool = False
    draws: str = ""
    sigmas: float = 0.0

    @property
    def needs_weights(self) -> bool:
        """Whether it begins with the weights that another training ended at, so that a mask is not enough."""
        return self.one_shot or self.of == CONTINUING

    @property
    def counted_by(self) -> set[str]:
        """The fields of a Spec that say how many trainings of this arm there are, besides trials and rounds."""
        return {"oneshot_step" if self.one_shot else "branch_step"} | ({self.draws} if self.draws else set())


TICKET = Arm("iterative pruning with resetting to the initial weights (Section 2, Appendix B strategy 1)")
BRANCHES = {
    "reinit": Arm("the ticket's mask on newly drawn weights (Section 2)", start="fresh", draws="reinits"),
    "random": Arm(
        "random sparsity: the ticket's mask shuffled within each layer, newly drawn weights (Figures 1, 14)",
        start="fresh",
        mask="shuffled",
        draws="randoms",
    ),
    "oneshot": Arm(
        "one pruning of the trained dense network, then resetting (Section 2, Figure 4c)", mask="level", one_shot=True
    ),
    "oneshot_reinit": Arm(
        "the one-shot ticket's mask on newly drawn weights (Figure 4c)",
        start="fresh",
        mask="level",
        one_shot=True,
        draws="reinits",
    ),
    "continued": Arm(
        "pruned and trained on, round after round, and reset once at the end (Appendix B strategy 2)", of=CONTINUING
    ),
    "redrawn": Arm(
        "the ticket's mask on weights drawn from the ticket's own initial ones, layer by layer (Appendix F.3)",
        start="redrawn",
    ),
    "untrained": Arm(
        "pruned to the same size by initial magnitude, without any training (Appendix F.4)", mask="untrained"
    ),
    **{
        f"noise_{name}": Arm(
            f"the ticket with noise of {size} on its initial weights (Appendix F.7)", "noisy", sigmas=s
        )
        for name, s, size in (
            ("half", 0.5, "half a standard deviation"),
            ("one", 1.0, "one standard deviation"),
            ("two", 2.0, "two standard deviations"),
            ("three", 3.0, "three standard deviations"),
        )
    },
}
ARMS = {"ticket": TICKET, **BRANCHES}
NOISE = tuple(name for name, arm in ARMS.items() if arm.start == "noisy")
SECTION_2 = ("ticket", "reinit", "random", "oneshot", "oneshot_reinit")
REWOUND = ("ticket", "reinit", "random")  # the arms that can be run of tickets that are reset to θ_k
ONESHOT_LEVELS = range(1, 40)  # 2.5 % to 97.5 % pruned, Figure 4c
