"""Figures of scorers on the corpus' test part, with intervals that resample persons.

    figures.py    ICC(A,1), AUC, intervals              rivals.py   ridge on blendshapes, ridge on points, the first scorer
    table.py      the table of one scorer               report.py   JSON and one HTML page
    __main__.py   python -m wince.lab.evaluate CORPUS ENSEMBLE OUT

Every figure here is about drawn faces. None of them says how well pain of patients is graded.
"""
