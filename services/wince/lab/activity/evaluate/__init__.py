"""Figures of scorers on the corpus' test part, with intervals that resample persons.

    figures.py    ICC(A,1), AUC, intervals              rivals.py   ridge on blendshapes, ridge on points
    table.py      the table of one scorer               report.py   JSON and one HTML page
    plots.py      plots as SVG                          scorer.py   `wince lab evaluate scorer`
    photographs.py  real faces with an emotion's label           abstention.py  does it know when it can't see?
    half.py       trained on one half of the identity space, tested on the other

Every figure here is about drawn faces. None of them says how well pain of patients is graded.
"""
