"""Terms by what they compute on points, in NumPy; nothing here asks Z3."""
