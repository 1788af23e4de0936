"""The arms: what is trained of each ticket, and which of them hang together."""

ARMS = {
    "ticket": "iterative pruning with resetting to the initial weights (Section 2, Appendix B strategy 1)",
    "reinit": "the ticket's mask on newly drawn weights (Section 2)",
    "random": "random sparsity: the ticket's mask shuffled within each layer, newly drawn weights (Figures 1, 14)",
    "oneshot": "one pruning of the trained dense network, then resetting (Section 2, Figure 4c)",
    "oneshot_reinit": "the one-shot ticket's mask on newly drawn weights (Figure 4c)",
    "continued": "pruned and trained on, round after round, and reset once at the end (Appendix B strategy 2)",
    "redrawn": "the ticket's mask on weights drawn from the ticket's own initial ones, layer by layer (Appendix F.3)",
    "untrained": "pruned to the same size by initial magnitude, without any training (Appendix F.4)",
    "noise_half": "the ticket with noise of half a standard deviation on its initial weights (Appendix F.7)",
    "noise_one": "the same with noise of one standard deviation",
    "noise_two": "the same with noise of two standard deviations",
    "noise_three": "the same with noise of three standard deviations",
}
# Those with noise.
NOISE = ("noise_half", "noise_one", "noise_two", "noise_three")
CONTINUING = "continuing"  # not asked for by name: the trainings between the prunings of `continued`
OPENING = "opening"  # not asked for by name: the dense network's first iterations, to whose end `rewind` resets
TRUNKS = (OPENING, "ticket", CONTINUING)  # sequential, each training on the one before: the rest branches off
SECTION_2 = ("ticket", "reinit", "random", "oneshot", "oneshot_reinit")
REWOUND = ("ticket", "reinit", "random")  # the arms that can be run of tickets that are reset to θ_k
ONESHOT_LEVELS = range(1, 40)  # 2.5 % to 97.5 % pruned, Figure 4c

# What is counted in some arms only.
COUNTED_IN = {
    "reinits": ("reinit", "oneshot_reinit"),
    "randoms": ("random",),
    "branch_step": ("reinit", "random", "continued", "redrawn", "untrained", *NOISE),
    "oneshot_step": ("oneshot", "oneshot_reinit"),
}
