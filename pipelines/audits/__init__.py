"""How good the corpus is: hands, cuts, captions and outcomes against truth that lies beside the recordings."""
