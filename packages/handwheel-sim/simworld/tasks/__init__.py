"""What people do: plans, ways of hands and things, takes, their truth and words."""
