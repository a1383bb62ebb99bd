"""How a model is trained: stages, schedules, the loop, and where the groups start."""
