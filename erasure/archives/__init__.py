"""Archives: what a person collects, readable without our software (Art. 12(1), 15(3), 20(1))."""
