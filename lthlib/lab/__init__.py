"""What is to be trained, who trains it, and where it is kept."""
