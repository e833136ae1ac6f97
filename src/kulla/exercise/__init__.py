"""The exercise: synthetic evidence, made by rule and labelled as such."""
