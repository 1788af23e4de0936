"""The Lottery Ticket Hypothesis, re-executed: prune, rewind, train again, and measure (see tickets.py first)."""
