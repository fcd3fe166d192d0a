"""The search: strategies that propose terms, and the one loop that judges them."""
