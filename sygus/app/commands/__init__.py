"""The work behind the commands; a module is imported only when its command runs, so ``--help`` answers at once."""
