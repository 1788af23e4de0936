"""The columns of a row, one per evaluation of a training, and of a line on what is inside a ticket."""

# One training = one value of these five, within one experiment (`key`).
TRAINING = ["key", "network", "arm", "trial", "round", "draw"]
EVALUATION = ["iteration", "val_loss", "val_acc", "test_loss", "test_acc", "train_loss", "train_acc"]
SIZE = ["remaining", "weights", "survivors"]
PROVENANCE = [
    "spec",
    "data",
    "data_label",
    "data_source",
    "data_sha256",
    "device",
    "versions",
    "seconds",
    "commit",
    "finished",
]
COLUMNS = [*TRAINING, *EVALUATION, *SIZE, *PROVENANCE, "results_version"]
ANATOMY = [*TRAINING, "remaining", "layer", "quantity", "x", "value"]  # what `anatomy` measures
DRAWN = (0, 4, 8, 12)  # rounds whose histograms it keeps: of Lenet P_m 100, 41.0, 16.9 and 7.0 %, those of Appendix F
