"""The data scientist's side: drawn patients with known truth, training, measuring. `wince lab` is its command line.

synthesize/  draws a head with known action units      corpus/  thousands of such stills, as the face models see them
activity/    the default scorer's workshop
"""
