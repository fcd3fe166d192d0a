"""What comes out: one small module for each form of a term or a result."""
