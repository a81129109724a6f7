"""Stills with exact truth from the whole space of expressions, stored as what the face models see of them.

    recipe.py       who, what, how often: fixed before any training          expressions.py  one expression as weights, and its truth
    plan.py         everything about one person's stills, drawn by seed      draw.py         draw, measure, write one file per person
    looks.py        persons whose look is drawn anew for each: looks_shader.py, looks_paint.py, looks_camera.py
    unseen.py       a test part whose look training never had
    read.py         all persons of a folder, checked                         small.py        the same stills, seen from far

A corpus holds features, not pictures: the face mesh's inner map and points, blendshapes, a small grey crop, and the truth.
The truth is a generator's weights, not FACS codes. Nothing learned from it says anything about patients.
"""
