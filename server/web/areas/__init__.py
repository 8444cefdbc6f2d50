"""The page of the tree of areas."""
