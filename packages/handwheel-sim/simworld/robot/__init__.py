"""The robot's attempts: physics, policies, truth, pictures, logs."""
