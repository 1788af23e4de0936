"""What chapters and pages call."""
