"""Trains the members of the action-unit ensemble and writes them as ONNX. Needs the extra `train` (torch); nothing else of Wince does.

inputs.py   what each member looks at, and what it is trained to (numpy)      nets.py    the networks (torch)
train.py    one member, resumable                                             export.py  ONNX, hashes, card
apply.py    the exported members on a corpus, through OpenVINO                __main__.py make train-scorer
"""
