"""The language: syntax, terms, theories, and problems made of them; it knows no network."""
