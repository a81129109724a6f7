"""Draws synthetic patients with known action units: parametric head, expressions, skin, light, camera, and the truth beside.

    head.py        the morphable head from its file (named by --head or WINCE_HEAD_DATA)
    expression.py  action units, what they move, and the expressions made of them (data)
    person.py      who is drawn and what they do over time
    paint.py       skin, wrinkles, hair        props.py   gown, pillow, mask, tube, backdrop
    scene.py       light, camera, truth        gl.py      drawing with moderngl on EGL (no GPU, no display needed)
    clip.py        mp4, PNG and truth CSV      bundled.py the clips that ship with Wince

What is drawn shows what an engine does with faces whose truth is known. It says nothing about clinical accuracy.
"""
