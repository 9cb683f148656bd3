"""The sample world: first-person hands and a robot's attempts, rendered, with perfect truth."""
