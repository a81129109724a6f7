"""The one rule of the record: what stands in it is what the census as now known says, for every window and every entry.

Pure: `look` says what a slice of one camera's time needs; `reviewer.py` above reads, locks and writes it.

    slices.py     what is known of a slice, and what is to be done about it
    book.py       entries by what they were made from: which of them stands, is withdrawn, written or restored
    entries.py    whom an entry belongs to now, whole or in parts
    late.py       windows, alerts and verdicts that have a patient for the first time
    look.py       all of it, in order
    current.py    what charting remembers of whoever lies there now
    questions.py  questions that wait for a nurse
"""
