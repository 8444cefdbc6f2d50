"""Welfare calls: somebody telephones those at high risk whom a fault leaves unprotected."""
