"""What Z3 and rewriting say of terms."""
