"""Tables in, numbers and verdicts out; no torch."""
