"""What the trials of a comparison say: read as untrusted input, turned into numbers, tables, figures and one page."""
