"""Everything a run proposed and learnt, in one SQLite file that survives a kill at any moment.

The file is read as untrusted input. Before it is opened for writing it is looked at without touching it: whether it is
a plain file, a journal of this version, whole, and holds these tables and nothing else. Every row carries a digest of
what it says; a row that does not fit its digest, or says what no run writes, is not believed.

The digests find damage and edits. They are no signatures: whoever can write to the folder of a run and knows this
program can write a journal of other scores that are possible. A run that others may have written to is best begun anew.
"""

from solvers.cam.journal.file import JOURNAL, JournalError, UnwrittenError
from solvers.cam.journal.journal import Journal
from solvers.cam.journal.onlooker import Onlooker, Seen
from solvers.cam.journal.rows import JournalRows

__all__ = ["JOURNAL", "Journal", "JournalError", "JournalRows", "Onlooker", "Seen", "UnwrittenError"]
