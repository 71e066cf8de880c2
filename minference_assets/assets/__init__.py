"""How each asset of a dataset is made: one module an asset, each a thin layer over one core function."""
