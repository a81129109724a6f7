"""The five stages, in the order of the data: capture, detect, estimate, grade, record.

capture is a source and record a sink. The three between are folds without I/O or clock:

    step(state, batch, now_us) -> (state, events)

keyed by source. What a fold needs from outside (a model) it calls through a port of its `interface`.
"""
