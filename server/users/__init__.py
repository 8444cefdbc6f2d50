"""People who use Sunwell: log-in, roles, sessions and API tokens."""
