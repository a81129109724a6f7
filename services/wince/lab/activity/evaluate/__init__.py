"""How good the default scorer is, on the corpus' test part and beyond: `wince lab evaluate`. Intervals resample persons.

    scorer.py       the scorer beside its rivals         rivals.py       ridge on blendshapes, ridge on points
    table.py        the table of one scorer              plots.py        what the report draws
    report.py       JSON, HTML and PDF                   photographs.py  real faces with an emotion's label
    abstention.py   does it know when it can't see?      familiarity.py  does it know what training never had?
    half.py         trained on one half of the identity space, tested on the other

Every figure here is about drawn faces or emotions. None of them says how well pain of patients is graded.
"""
