"""Human arms: their shape, what they wear, and how they hold things."""
