"""Documents, figures and PDF for all that report: assess, lab, later the console. It knows nothing of what is reported.

document.py  a report as data: sections of blocks       figure.py  a figure as a list of marks; chart.py lines and bars
colours.py   colours by day and night                   grades.py  the shape and colour of each grade
html.py      the same as a page (templates/)            pdf/       the same on sheets of A4
write_all.py its files, all or none                     write_whole.py  one file, whole or not at all
"""
