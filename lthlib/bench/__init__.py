"""How fast training is here, and what a ticket saves."""
