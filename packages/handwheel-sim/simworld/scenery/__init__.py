"""What stands in a scene: things with their distances, rooms, lights, patterns."""
